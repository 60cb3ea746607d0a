"""`flask replays`: past events for one listener."""

import pytest

LISTENER = "metering:usage.measure_deploy"
NO_ID = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def live(terminal, folder, drain):
    terminal("deploy", folder, "--site", "hello", "--no-watch")
    drain()
    return terminal


def test_a_replay_is_tried_out_begun_and_shown(live, drain):
    assert live("replays", "list") == "Nothing was replayed yet.\n"
    said = live("replays", "start", LISTENER, "--dry-run")
    assert said == "Would make 0 reactions of 1 events, 1 were answered before.\n"
    said = live("replays", "start", LISTENER, "--again", "--dry-run").splitlines()
    assert said[0] == "Would make 1 reactions of 1 events."
    assert "domain.sync.completed" in said[1]
    assert live.json("replays", "list") == []
    said = live("replays", "start", LISTENER, "--again", "--from", "2", "--until", "9999", "--rate", "5")
    assert said.startswith("Replaying positions 2 to ")
    (replay,) = live.json("replays", "list")
    assert (replay["after"], replay["rate"], replay["again"]) == (1, 5.0, True)
    assert f"flask replays show {replay['id']}" in said
    drain()
    lines = live("replays", "list").splitlines()
    assert all(word in lines[1] for word in (replay["id"], LISTENER, "done"))
    shown = live("replays", "show", replay["id"])
    assert "1 done" in shown
    assert live.json("replays", "show", replay["id"])["made"] == 1


@pytest.mark.parametrize("begin", ["2026-01-01T00:00:00Z", "2026-01-01"])
def test_a_replay_of_a_time_is_cancelled(live, begin):
    replay = live.json("replays", "start", LISTENER, "--from", begin, "--again")
    said = live("replays", "cancel", replay["id"])
    assert said == f"Cancelled the replay to {LISTENER} after 0 reactions.\n"
    assert "[replay_ended]" in live.error("replays", "cancel", replay["id"])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("start", "nobody"), "listener_not_found"),
        (("start", LISTENER, "--rate", "0"), "rate_invalid"),
        (("start", LISTENER, "--from", "9", "--until", "8"), "range_invalid"),
        (("start", LISTENER, "--from", "yesterday"), "request_invalid"),
        (("start", LISTENER, "--from", "²"), "request_invalid"),
        (("start", LISTENER, "--from", "2026-02-30"), "request_invalid"),
        (("show", NO_ID), "replay_not_found"),
        (("cancel", NO_ID), "replay_not_found"),
    ],
)
def test_what_cannot_be_replayed_is_refused_with_a_code(terminal, words, code):
    terminal("sites", "create", "hello")
    assert f"[{code}]" in terminal.error("replays", *words)


@pytest.mark.parametrize("rate", ["nan", "inf", "-inf", "1e999", "fast"])
def test_a_rate_that_is_no_number_is_a_mistake_in_use(terminal, rate):
    assert "rate" in terminal.error("replays", "start", LISTENER, "--rate", rate, code=2)
