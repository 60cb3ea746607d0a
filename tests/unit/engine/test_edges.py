"""The engine's edges to the machine: instants and ids, what a column holds, fault points, discovery; and the
order of folds.
"""

import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.dialects import postgresql, sqlite

from app.engine import Signal, Timestamp, faults, fold, new_id, now
from app.engine.database import storable
from app.engine.discovery import discover
from app.engine.folds import apply_folds
from app.engine.signal import mark_recorded
from tests.unit.engine.events import event

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
PARIS = timezone(timedelta(hours=2))


def test_ids_are_different_and_sort_by_the_time_they_were_drawn() -> None:
    ids = [new_id() for _ in range(1000)]
    assert ids == sorted(set(ids))
    assert {len(each) for each in ids} == {36}
    assert {each[14] for each in ids} == {"7"}


def test_the_present_is_aware_and_in_utc() -> None:
    assert now().utcoffset() == timedelta(0)


@pytest.mark.parametrize("given", [NOON, NOON.astimezone(PARIS)], ids=["utc", "paris"])
def test_an_instant_is_the_same_on_both_databases_wherever_it_was_taken(given: datetime) -> None:
    column = Timestamp()
    on_sqlite = column.process_bind_param(given, sqlite.dialect())
    on_postgres = column.process_bind_param(given, postgresql.dialect())
    assert on_sqlite == NOON.replace(tzinfo=None)
    assert (on_postgres, on_postgres.tzinfo) == (NOON, UTC)
    for dialect, held in ((sqlite, on_sqlite), (postgresql, NOON.astimezone(PARIS))):
        read = column.process_result_value(held, dialect.dialect())
        assert (read, read.tzinfo) == (NOON, UTC)


def test_no_instant_is_none_and_a_naive_one_is_a_mistake() -> None:
    column = Timestamp()
    assert column.process_bind_param(None, sqlite.dialect()) is None
    assert column.process_result_value(None, sqlite.dialect()) is None
    with pytest.raises(ValueError, match="a naive datetime is no instant"):
        column.process_bind_param(datetime(2026, 1, 1), sqlite.dialect())


@pytest.mark.parametrize("plain", ["é 🌍 \t\n", 7, 1.5, None, True, {"a": [1, {"b": "c"}]}, []])
def test_what_a_database_can_hold_stays_what_it_is(plain: Any) -> None:
    assert storable(plain) == plain


@pytest.mark.parametrize(
    ("odd", "held"),
    [("a\0b", "a\ufffdb"), ("\udc80", "?"), ({"\0": ["\0"]}, {"\ufffd": ["\ufffd"]}), (("\0",), ["\ufffd"])],
)
def test_what_a_database_cannot_hold_is_replaced(odd: Any, held: Any) -> None:
    assert storable(odd) == held


def test_a_fault_point_does_nothing_until_a_test_asks() -> None:
    reached: list[str] = []
    faults.point("claim.after_commit")
    with faults.on_fault(lambda name: reached.append(f"outer {name}")):
        with faults.on_fault(lambda name: reached.append(f"inner {name}")):
            faults.point("claim.after_commit")
        faults.point("claim.after_commit")
    faults.point("claim.after_commit")
    assert reached == ["inner claim.after_commit", "outer claim.after_commit"]


def test_a_fault_that_can_never_come_cannot_be_armed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'claim\.never' is no fault point"):
        faults.arm(tmp_path, "claim.never")
    faults.arm(tmp_path, "claim.after_commit")
    assert [path.name for path in tmp_path.iterdir()] == ["claim.after_commit"]


def test_an_armed_fault_strikes_once_over_all_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int] = []
    monkeypatch.setattr("app.engine.faults.os.kill", lambda pid, _signal: killed.append(pid))
    monkeypatch.setenv("ANTIPHON_FAULTS", str(tmp_path))
    with faults.on_fault(lambda _: None):  # so that the handler of this process comes back
        faults.install_from_environment()
        faults.point("claim.after_commit")
        assert killed == []
        faults.arm(tmp_path, "claim.after_commit")
        for _ in range(3):
            faults.point("claim.after_commit")
    assert len(killed) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that can be imported; it is forgotten when the test ends."""
    folder = tmp_path / "found_here"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return folder


def test_every_module_of_a_package_is_imported_in_alphabetical_order(package: Path) -> None:
    for name in ("b", "a", "c"):
        (package / f"{name}.py").write_text(
            "import sys\nsys.found = [*getattr(sys, 'found', []), __name__]\n"
        )
    expected = ["found_here.a", "found_here.b", "found_here.c"]
    assert discover("found_here") == expected
    assert sys.found == expected
    del sys.found


def test_a_module_that_cannot_be_imported_stops_the_start(package: Path) -> None:
    (package / "broken.py").write_text("raise RuntimeError('half of the listeners would be worse than none')")
    with pytest.raises(RuntimeError, match="half of the listeners"):
        discover("found_here")


def test_folds_of_a_signal_run_in_the_order_of_their_declaration() -> None:
    class Placed(Signal, type="shop.order.placed"):
        order: str

    class Paid(Signal, type="shop.order.paid"):
        order: str

    heard: list[str] = []

    @fold(Placed, Paid)
    def first(_db: Any, signal: Any) -> None:
        heard.append(f"first {signal.type} at {signal.recorded.stream}")

    @fold(Paid)
    def second(_db: Any, signal: Any) -> None:
        heard.append(f"second {signal.type}")

    for signal in (Placed(order="7"), Paid(order="7")):
        mark_recorded(signal, event(signal.type))
        apply_folds(None, signal)  # type: ignore[arg-type]  # these need no database
    assert heard == [
        "first shop.order.placed at /orders/1",
        "first shop.order.paid at /orders/1",
        "second shop.order.paid",
    ]
