"""The few words that events say on a line, whatever their signal."""

import pytest

from app.signals.telling import counted, duration, size, tell


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (5942, "5.9 kB"),
        (10**6, "1.0 MB"),
        (2 * 10**9, "2.0 GB"),
    ],
)
def test_sizes_are_said_in_the_unit_that_fits(count, said):
    assert size(count) == said


def test_the_largest_unit_takes_what_is_larger_still():
    assert size(10**16) == "10000.0 TB"


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [(0, "0 ms"), (999, "999 ms"), (1000, "1.00 s"), (59_990, "59.99 s"), (61_000, "1 min 1 s")],
)
def test_spans_of_time_are_said_in_the_unit_that_fits(milliseconds, said):
    assert duration(milliseconds) == said


def test_hours_have_no_seconds():
    assert duration(2 * 3_600_000 + 5 * 60_000) == "2 h 5 min"


def test_one_of_a_thing_is_said_in_the_singular():
    assert (counted(1, "file"), counted(0, "file"), counted(1200, "file")) == (
        "1 file",
        "0 files",
        "1,200 files",
    )


def test_ids_keys_and_cids_are_left_to_the_data():
    data = {
        "site_id": "1",
        "deploy_id": "2",
        "idempotency_key": "3",
        "root_cid": "bafy",
        "sha256": "ab",
        "number": 4,
    }
    assert tell(data) == []


def test_nothing_is_not_said():
    assert tell({"ref": None, "message": "", "warnings": [], "durations": {}}) == []


def test_what_says_by_itself_what_it_is_needs_no_name():
    assert tell({"urls": ["http://a/", "http://b/"], "reason": "no_change"}) == [
        "http://a/, http://b/",
        "no change",
    ]


def test_other_values_come_with_their_names():
    data = {"ref": "main", "files": 1, "bytes": 2000, "new_blocks": 3, "new_bytes": 10, "duration_ms": 5}
    assert tell(data) == ["ref main", "1 file", "2.0 kB", "3 new blocks", "10 B new", "5 ms"]


def test_a_difference_names_only_what_differs():
    assert tell({"diff": {"added": 2, "changed": 0, "removed": 1, "unchanged": 9}}) == [
        "2 added, 1 removed, 9 unchanged"
    ]


def test_a_measurement_is_said_in_its_unit():
    assert tell({"meter": "published_bytes", "quantity": 5942, "unit": "byte"}) == ["published bytes 5.9 kB"]
    assert tell({"meter": "published_files", "quantity": 5, "unit": "file"}) == ["published files 5"]


def test_truth_is_said_as_a_word():
    assert tell({"partial": True, "forced": False, "damaged": 2}) == ["partial", "2 damaged"]


def test_a_phrase_has_an_end_and_holds_nothing_that_moves_a_cursor():
    (phrase,) = tell({"message": "\x1b[31m" + "long " * 50})
    assert len(phrase) == 70
    assert phrase.endswith("…")
    assert "\x1b" not in phrase
