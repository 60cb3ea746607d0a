"""Work that is done again and again: when its time has come, and whatever became of it before."""

from collections.abc import Callable

import pytest

from app.engine import clock, periodic
from app.engine.periodic import every, run_due


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """What is due at an instant is done; nothing else was declared."""
    monkeypatch.setattr(periodic, "PERIODIC", {})

    def run(seconds: float) -> None:
        monkeypatch.setattr(clock, "ticks", lambda: seconds)
        run_due()

    return run


def test_it_is_done_at_first_and_then_whenever_its_time_has_passed(at: Callable[[float], None]) -> None:
    done: list[str] = []
    every(10)(lambda: bool(done.append("ten")))
    for seconds in (0, 1, 9.9, 10, 19, 25):
        at(seconds)
    assert done == ["ten"] * 3


def test_it_is_done_at_once_again_while_there_is_more(at: Callable[[float], None]) -> None:
    left = [True, True, False]
    every(10)(lambda: left.pop(0))
    for seconds in (0, 1, 2, 3):
        at(seconds)
    assert left == []


def test_what_goes_wrong_holds_up_nothing_else_and_is_tried_again(
    at: Callable[[float], None], capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[int] = []

    def fail() -> bool:
        done.append(1)
        raise ZeroDivisionError

    def work() -> bool:
        done.append(2)
        return False

    every(10)(fail)
    every(10)(work)
    at(0)
    at(10)
    assert done == [1, 2, 1, 2]
    assert "periodic work failed" in capsys.readouterr().out
