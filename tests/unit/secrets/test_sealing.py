"""Secrets at rest: read again with the same key for the same owner, else a clear error."""

from collections.abc import Callable, Iterator

import pytest

from app.errors import PermanentError
from app.secrets.sealing import seal, unseal
from config.settings import get_settings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture(autouse=True)
def use_key(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    def use(key: str) -> None:
        monkeypatch.setenv("SECRET_KEY", key)
        get_settings.cache_clear()

    use("the first key")
    yield use
    get_settings.cache_clear()


def failure(token: str, owner: str = "lst_1") -> PermanentError:
    with pytest.raises(PermanentError) as caught:
        unseal(token, owner)
    assert SECRET not in str(caught.value)
    return caught.value


def test_a_secret_comes_back_and_its_token_tells_nothing() -> None:
    first, again = seal(SECRET, "lst_1"), seal(SECRET, "lst_1")
    assert unseal(first, "lst_1") == unseal(again, "lst_1") == SECRET
    assert first != again, "each has a nonce of its own"
    assert SECRET[6:] not in first
    assert first.startswith("1.")
    assert first.isascii()
    assert unseal(seal("", "a"), "a") == ""
    assert unseal(seal("schön", "a"), "a") == "schön"


def test_another_secret_key_is_named_as_the_reason(use_key: Callable[[str], None]) -> None:
    token = seal(SECRET, "lst_1")
    use_key("the second key")
    error = failure(token)
    assert error.code == "secret_unreadable"
    assert "cannot be read with this SECRET_KEY; it was stored under another one" in error.message
    assert "lst_1" in error.message
    assert error.hint
    use_key("the first key")
    assert unseal(token, "lst_1") == SECRET


def test_a_token_opens_for_its_owner_alone() -> None:
    assert failure(seal(SECRET, "lst_1"), "lst_2").code == "secret_damaged"


def test_a_damaged_token_is_told_from_a_changed_key() -> None:
    token = seal(SECRET, "lst_1")
    head, text = token[:11], token[11:]
    damaged = [head + ("A" if text[20] != "A" else "B").join([text[:20], text[21:]])]
    damaged += [head, head + text[:12], head + "ä" + text, "", "1", "1..", "nonsense", "2" + token[1:]]
    for each in damaged:
        assert failure(each).code == "secret_damaged", each
