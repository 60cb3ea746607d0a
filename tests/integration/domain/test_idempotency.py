"""Requests that are sent twice under one key."""

import threading
from datetime import timedelta

from sqlalchemy import Engine

from app.engine import now, reading, recording
from app.models import idempotency
from app.models.idempotency import KEPT, Answered


def test_the_first_request_takes_the_key_and_a_repeat_gets_its_answer(engine: Engine) -> None:
    with recording() as work:
        assert idempotency.claim(work.db, "t1", "k", "hash", now()) is None
        idempotency.store_answer(work.db, "t1", "k", 202, {"id": "d1"})
    with recording() as work:
        assert idempotency.claim(work.db, "t1", "k", "hash", now()) == Answered("hash", 202, {"id": "d1"})
    with reading() as db:
        assert idempotency.find(db, "t1", "k") == Answered("hash", 202, {"id": "d1"})
        assert idempotency.find(db, "t1", "other") is None


def test_a_key_belongs_to_the_token_that_used_it(engine: Engine) -> None:
    with recording() as work:
        assert idempotency.claim(work.db, "t1", "k", "hash", now()) is None
        assert idempotency.claim(work.db, "t2", "k", "hash", now()) is None


def test_a_key_is_free_again_when_the_request_came_to_nothing(engine: Engine) -> None:
    for _ in range(2):
        try:
            with recording() as work:
                assert idempotency.claim(work.db, "t1", "k", "hash", now()) is None
                raise LookupError("refused")
        except LookupError:
            pass


def test_a_key_is_kept_for_a_day(engine: Engine) -> None:
    moment = now()
    with recording() as work:
        idempotency.claim(work.db, "t1", "k", "hash", moment)
        idempotency.store_answer(work.db, "t1", "k", 201, None)
        almost = moment + KEPT - timedelta(seconds=1)
        assert idempotency.claim(work.db, "t1", "k", "hash", almost) == Answered("hash", 201, None)
        assert idempotency.claim(work.db, "t1", "k", "hash", moment + KEPT + timedelta(seconds=1)) is None


def test_of_two_requests_at_once_one_does_the_work_and_the_other_gets_its_answer(engine: Engine) -> None:
    claimed = threading.Event()
    answers: list[Answered | None] = []

    def second() -> None:
        claimed.wait(10)
        with recording() as work:
            answers.append(idempotency.claim(work.db, "t1", "k", "hash", now()))

    thread = threading.Thread(target=second)
    thread.start()
    with recording() as work:
        assert idempotency.claim(work.db, "t1", "k", "hash", now()) is None
        claimed.set()
        thread.join(0.2)  # it waits for the end of this transaction
        assert not answers
        idempotency.store_answer(work.db, "t1", "k", 202, {"id": "d1"})
    thread.join(20)
    assert answers == [Answered("hash", 202, {"id": "d1"})]
