"""The root of errors: what each carries, that it never changes, and that it survives a process boundary."""

import json
import pickle

import pytest

from app.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    PermanentError,
    PlatformError,
    RetryableError,
    TooLarge,
)


def test_an_error_reads_as_its_message_and_its_hint():
    assert str(NotFound("site_unknown", "There is no site hello.", "Create it first.")) == (
        "There is no site hello. Create it first."
    )
    assert str(NotFound("site_unknown", "There is no site hello.")) == "There is no site hello."


@pytest.mark.parametrize("field", ["code", "message", "hint", "evidence"])
def test_what_an_error_says_never_changes(field):
    error = TooLarge("too_large", "It is too large.")
    with pytest.raises(AttributeError, match="never changes"):
        setattr(error, field, "other")


def test_the_evidence_is_a_copy_that_nobody_can_write_to():
    evidence = {"limit": 10}
    error = TooLarge("too_large", "It is too large.", evidence=evidence)
    evidence["limit"] = 99
    assert error.evidence == {"limit": 10}
    with pytest.raises(TypeError):
        error.evidence["limit"] = 99
    assert json.dumps(dict(error.evidence)) == '{"limit": 10}'


def test_an_error_survives_the_way_between_processes():
    error = Conflict("slug_taken", "The slug is taken.", "Choose another.", evidence={"slug": "hello"})
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(again) is Conflict
    assert (again.code, again.message, again.hint) == (error.code, error.message, error.hint)
    assert again.evidence == error.evidence


def test_an_error_can_be_raised_from_another_and_noted():
    error, cause = RetryableError("disk_full", "The disk is full."), OSError("no space")
    error.add_note("seen while writing")
    with pytest.raises(PlatformError) as caught:
        raise error from cause
    assert caught.value.__cause__ is cause


def test_what_a_person_did_wrong_is_never_tried_again():
    for kind in (InvalidInput, NotFound, Conflict, TooLarge):
        assert issubclass(kind, PermanentError)
        assert not issubclass(kind, RetryableError)
