"""What a failure says, whatever was raised; and the signal that an action ends in."""

from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy.exc import InterfaceError, OperationalError

from app.engine import Failure, FailureSignal, ReactionDeadLettered, Signal, action
from app.engine.claims import Ending
from app.engine.reactions import WAITING
from app.engine.running import describe
from app.errors import Conflict, PermanentError, RetryableError


def declare_action(**options: Any) -> Any:
    class Placed(Signal, type="shop.order.placed"):
        order: str

    @action(service="bank", stage="payment", attempts=4, time_limit=90, **options)
    def pay(event: Placed) -> None:
        """Pay for it."""

    return pay


SAID = {
    "permanent": (
        PermanentError("card_refused", "the card was refused", "Use another."),
        "card_refused",
        False,
    ),
    "retryable": (RetryableError("bank_closed", "the bank is closed"), "bank_closed", True),
    "a kind of permanent": (Conflict("paid_already", "it is paid"), "paid_already", False),
    "time": (SoftTimeLimitExceeded(), "stage_timeout", True),
    "database": (OperationalError("SELECT", None, Exception("gone")), "internal", True),
    "connection": (InterfaceError("SELECT", None, Exception("closed")), "internal", True),
    "bug": (KeyError("amount"), "internal", True),
}


@pytest.mark.parametrize("what", SAID)
def test_a_failure_names_its_code_stage_attempt_and_whether_it_may_pass(what: str) -> None:
    error, code, retryable = SAID[what]
    failure = describe(error, declare_action(), attempt=2)
    assert (failure.code, failure.retryable) == (code, retryable)
    assert (failure.stage, failure.attempt, failure.max_attempts) == ("payment", 2, 4)
    assert failure.message


def test_a_failure_of_the_world_speaks_in_its_own_words() -> None:
    error = PermanentError("card_refused", "the card was refused", "Use another.", evidence={"last": "4242"})
    failure = describe(error, declare_action(), attempt=1)
    assert (failure.message, failure.hint) == ("the card was refused", "Use another.")
    assert failure.evidence == {"last": "4242"}


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("time", "{name} did not end within 90 s"),
        ("bug", "{name} raised KeyError: 'amount'"),
        ("database", "{name} could not use the database: gone"),
    ],
)
def test_a_failure_of_the_platform_says_which_action_and_what(what: str, message: str) -> None:
    failing = declare_action()
    assert describe(SAID[what][0], failing, attempt=1).message == message.format(name=failing.name)


def test_a_failure_holds_nothing_that_a_database_cannot() -> None:
    failure = Failure(
        code="source_odd",
        stage="fetch",
        message="a\0b",
        hint="c\udcffd",
        evidence={"names": ["\0", {"\udc80": ("\0", 7, None, True, 1.5)}], "fine": "é 🌍"},
    )
    assert (failure.message, failure.hint) == ("a\ufffdb", "c?d")
    assert failure.evidence == {"names": ["\ufffd", {"?": ["\ufffd", 7, None, True, 1.5]}], "fine": "é 🌍"}
    assert "\0" not in failure.model_dump_json()


def test_the_failure_signal_takes_over_what_it_shares_with_the_event() -> None:
    class Charged(Signal, type="shop.order.charged"):
        order: str
        amount: int
        note: str = ""

    class PaymentFailed(FailureSignal, type="shop.payment.failed"):
        order: str
        amount: int
        retried: bool = False

    failure = describe(SAID["permanent"][0], declare_action(), attempt=1)
    failed = PaymentFailed.from_failure(Charged(order="7", amount=3, note="quick"), failure)
    assert failed.model_dump(exclude={"failure"}) == {"order": "7", "amount": 3, "retried": False}
    assert failed.failure == failure


def test_a_failure_that_answers_a_failure_tells_its_own() -> None:
    class PaymentFailed(FailureSignal, type="shop.payment.failed"):
        order: str

    class RefundFailed(FailureSignal, type="shop.refund.failed"):
        order: str

    first = Failure(code="card_refused", stage="payment", message="refused")
    second = Failure(code="bank_closed", stage="refund", message="closed")
    failed = RefundFailed.from_failure(PaymentFailed(order="7", failure=first), second)
    assert failed.failure == second


def test_a_dead_letter_belongs_to_the_stream_of_what_went_unanswered() -> None:
    letter = ReactionDeadLettered(
        reaction="r",
        listener="shop:pay",
        action="shop.pay",
        of_event="e",
        of_stream="/orders/7",
        of_label="order 7",
        follower=False,
        failure=Failure(code="internal", stage="payment", message="a bug"),
    )
    assert (letter.stream, letter.subject, letter.label) == ("/orders/7", "r", "order 7")
    assert letter.ends == "failed"


def test_the_end_of_an_attempt_shows_the_traceback_beside_the_failure() -> None:
    def fail() -> None:
        raise ValueError("odd \0 value")

    try:
        fail()
    except ValueError as error:
        ending = Ending(WAITING, failure=describe(error, declare_action(), attempt=1), error=error)
    shown = ending.shown()
    assert shown is not None
    assert (shown["code"], shown["attempt"]) == ("internal", 1)
    assert len(shown["traceback"]) <= 8
    assert shown["traceback"][-1] == "ValueError: odd \ufffd value\n"


def test_the_end_of_an_attempt_without_a_failure_shows_nothing() -> None:
    assert Ending("done", "succeeded").shown() is None
