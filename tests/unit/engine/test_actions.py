"""Actions: what a declaration says, how tries are spaced, and what an attempt knows."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.engine import FailureSignal, Signal, action, current
from app.engine.actions import ACTIONS, Attempt, LostLease, attempting
from app.errors import PermanentError, RetryableError


def declare_signals() -> tuple[Any, Any, Any]:
    class Placed(Signal, type="shop.order.placed"):
        order: str = "7"

    class Paid(Signal, type="shop.order.paid"):
        order: str

    class PaymentFailed(FailureSignal, type="shop.payment.failed"):
        order: str

    return Placed, Paid, PaymentFailed


def test_the_annotations_say_what_an_action_answers_and_records() -> None:
    placed, paid, failed = declare_signals()

    @action(service="bank", fails_with=failed)
    def pay(event: placed) -> Callable[[], paid | None]:
        """Pay for it.

        Twice is harmless.
        """

    assert pay.name == "test_actions.pay"
    assert {"test_actions.pay": pay} == ACTIONS
    assert pay.takes == (placed,)
    assert pay.emits == (paid, failed)
    assert (pay.summary, pay.stage, pay.outer) == ("Pay for it.", "pay", True)
    assert (pay.attempts, pay.time_limit) == (5, 600)


def test_an_action_without_a_service_is_inner() -> None:
    placed, _, _ = declare_signals()

    @action(attempts=2, stage="packing")
    def pack(event: placed) -> None:
        """Pack it."""

    assert (pack.outer, pack.emits, pack.attempts, pack.stage) == (False, (), 2, "packing")


def test_calling_an_action_runs_the_bare_function() -> None:
    placed, paid, _ = declare_signals()

    @action()
    def pay(event: placed) -> paid:
        """Pay."""
        return paid(order=event.order)

    assert pay(placed(order="9")) == paid(order="9")


def test_two_actions_of_one_name_are_a_mistake_unless_their_module_is_loaded_again() -> None:
    placed, _, _ = declare_signals()

    def body_in(module: str) -> Any:
        def pay(event: placed) -> None:
            """Pay."""

        pay.__module__ = module
        return pay

    action()(body_in("tasks.bank"))
    assert action()(body_in("tasks.bank")) is ACTIONS["bank.pay"]
    with pytest.raises(ValueError, match=r"two actions are called 'bank\.pay'"):
        action()(body_in("plugins.bank"))


def declare_action(**options: Any) -> Any:
    placed, _, _ = declare_signals()

    @action(**options)
    def pay(event: placed) -> None:
        """Pay."""

    return pay


@pytest.mark.parametrize(
    ("attempt", "longest"), [(1, 1), (2, 2), (3, 4), (8, 128), (9, 256), (10, 300), (500, 300)]
)
def test_the_pause_before_the_next_try_doubles_with_full_jitter_up_to_five_minutes(
    attempt: int, longest: int
) -> None:
    paying = declare_action()
    pauses = [paying.backoff(attempt) for _ in range(200)]
    assert timedelta(seconds=0.1) <= min(pauses)
    assert max(pauses) <= timedelta(seconds=longest)
    assert min(pauses) < timedelta(seconds=longest / 2) < max(pauses)


def test_an_exception_that_the_action_names_means_that_it_may_pass() -> None:
    paying = declare_action(retry_on={ConnectionError: "bank_away", TimeoutError: "bank_slow"})
    reset = ConnectionResetError("by peer")
    meant = paying.meaning(reset)
    assert isinstance(meant, RetryableError)
    assert (meant.code, meant.message) == ("bank_away", "ConnectionResetError: by peer")
    assert meant.__cause__ is reset
    assert paying.meaning(TimeoutError()).code == "bank_slow"


@pytest.mark.parametrize("error", [KeyError("amount"), PermanentError("card_refused", "no")])
def test_any_other_exception_means_what_it_is(error: Exception) -> None:
    assert declare_action(retry_on={ConnectionError: "bank_away"}).meaning(error) is error
    assert declare_action().meaning(error) is error


def attempt() -> Attempt:
    return Attempt("reaction-1", 2, "flow-1", "action:shop.pay")


def test_an_attempt_is_known_to_the_code_that_it_runs_and_to_no_other() -> None:
    with pytest.raises(LookupError):
        current()
    outer, inner = attempt(), attempt()
    with attempting(outer):
        assert current() is outer
        with attempting(inner):
            assert current() is inner
        assert current() is outer
    with pytest.raises(LookupError):
        current()


def test_an_attempt_that_raises_is_forgotten_as_well() -> None:
    with pytest.raises(KeyError), attempting(attempt()):
        raise KeyError("amount")
    with pytest.raises(LookupError):
        current()


def test_the_outside_world_sees_every_attempt_under_one_key() -> None:
    assert [Attempt("r", number, "f", "a").idempotency_key for number in (1, 2)] == ["r", "r"]


def test_an_attempt_goes_on_until_it_is_told_that_it_lost() -> None:
    going = attempt()
    going.check()
    going.lost.set()
    with pytest.raises(LostLease, match="reaction-1"):
        going.check()


def test_an_outer_attempt_has_no_transaction() -> None:
    with pytest.raises(RuntimeError, match="holds no transaction"):
        _ = attempt().db
