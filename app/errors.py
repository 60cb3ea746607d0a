"""The one root of errors and its branches: a code, what went wrong in words, and a hint what to do about it.

Apart from everything because every layer raises them. Their HTTP status is chosen in `app/api/errors.py`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_SPOKEN = frozenset({"code", "message", "hint", "evidence"})


class PlatformError(Exception):
    """Root of all errors that people may read: `code` is stable, `message` says what, `hint` what to do.

    `evidence` holds plain JSON values that prove the message. The four never change once raised.
    """

    code: str
    message: str
    hint: str
    evidence: Mapping[str, Any]

    def __init__(
        self, code: str, message: str, hint: str = "", *, evidence: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(code, message, hint)
        self.__dict__.update(code=code, message=message, hint=hint)
        self.__dict__["evidence"] = MappingProxyType(dict(evidence)) if evidence else _NOTHING

    def __setattr__(self, name: str, value: object) -> None:
        if name in _SPOKEN:
            raise AttributeError(f"{name} of a {type(self).__name__} never changes")
        super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.code, self.message, self.hint, dict(self.evidence))

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


def _rebuild(kind: type[PlatformError], code: str, message: str, hint: str, evidence: Any) -> PlatformError:
    return kind(code, message, hint, evidence=evidence)


class RetryableError(PlatformError):
    """The same try may succeed later: a timeout, a busy or absent service."""


class PermanentError(PlatformError):
    """The same try will fail again: only a change by somebody helps."""


class InvalidInput(PermanentError):
    """What was sent does not say something possible."""


class NotFound(PermanentError):
    """No such thing, or none that the asker may know of."""


class Conflict(PermanentError):
    """Possible in itself, not in the present state."""


class Unauthenticated(PermanentError):
    """Nobody knows who asks."""


class Forbidden(PermanentError):
    """It is known who asks, and that one may not."""


class TooLarge(PermanentError):
    """Over a limit that a setting draws."""


class TooBusy(RetryableError):
    """There is too much to do already; `retry_after` in its evidence says in how many seconds to ask."""


class Unsupported(PermanentError):
    """A form of content that nothing here reads."""
