"""Where Celery meets the engine: an action becomes a task, and beat's tick is a pass of the sweep."""

from typing import Any

import pytest
from celery import Celery

from app.engine import Signal, action, workers
from app.engine.actions import ACTIONS
from app.engine.sweep import Swept
from app.engine.workers import SweepScheduler, register_tasks


@pytest.fixture
def celery() -> Celery:
    """An application without a broker, with the tasks of the one action that there is."""

    class Placed(Signal, type="shop.order.placed"):
        order: str

    @action(service="bank", time_limit=90)
    def pay(event: Placed) -> None:
        """Pay for it."""

    app = Celery("test", set_as_current=False)
    register_tasks(app)
    return app


def test_an_action_is_a_task_of_the_same_name_with_its_time_and_some_grace(celery: Celery) -> None:
    task = celery.tasks["test_workers.pay"]
    assert (task.soft_time_limit, task.time_limit) == (90, 120)
    assert task.__doc__ == "Pay for it."


@pytest.mark.parametrize(
    ("told", "redelivered"), [({"redelivered": True}, True), ({"redelivered": None}, False), (None, False)]
)
def test_a_worker_runs_the_reaction_of_the_message_and_knows_whether_it_came_back(
    celery: Celery, monkeypatch: pytest.MonkeyPatch, told: Any, redelivered: bool
) -> None:
    ran: list[Any] = []

    def run(ran_action: Any, reaction: str, *, redelivered: bool) -> str:
        ran.append((ran_action, reaction, redelivered))
        return "done"

    monkeypatch.setattr(workers, "run", run)
    task = celery.tasks["test_workers.pay"]
    task.push_request(delivery_info=told)
    assert task.run("reaction-1") == "done"
    task.pop_request()
    assert ran == [(ACTIONS["test_workers.pay"], "reaction-1", redelivered)]


class Beat(SweepScheduler):
    """Beat's scheduler without its application."""

    def __init__(self) -> None:
        self.schedule_was_set_up = self.setup_schedule()


@pytest.fixture
def sweeps(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the next passes do: return this, or raise it."""
    answers: list[Any] = []

    def sweep() -> Swept:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(workers, "sweep", sweep)
    monkeypatch.setattr(workers, "sweep_pause", lambda: 1.0)
    monkeypatch.setattr(workers, "run_due", lambda: None)
    return answers


def test_each_tick_is_one_pass_and_says_when_the_next_begins(sweeps: list[Any]) -> None:
    sweeps += [Swept(), Swept(sent=3)]
    beat = Beat()
    assert 0.9 < beat.tick() <= 1.0
    assert 0.9 < beat.tick() <= 1.0
    assert sweeps == []


def test_a_pass_that_fails_does_not_end_beat(sweeps: list[Any]) -> None:
    sweeps += [ConnectionError("the database is away"), ZeroDivisionError(), Swept()]
    beat = Beat()
    assert all(beat.tick() > 0 for _ in range(3))


def test_a_pass_that_takes_long_is_followed_by_a_short_rest(
    sweeps: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeps.append(Swept())
    times = iter([100.0, 130.0])
    monkeypatch.setattr("app.engine.workers.time.monotonic", lambda: next(times))
    assert Beat().tick() == 0.1


def test_a_pass_that_did_nothing_says_nothing() -> None:
    assert not Swept()
    assert all(Swept(**{name: 1}) for name in vars(Swept()))
