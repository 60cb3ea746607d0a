"""One verdict on one record, or on one thing that a certificate needs: what is wrong, and what to do."""

from dataclasses import asdict, dataclass
from typing import Any

from app.dns.codes import Verdict

_SOONEST, _LATEST = 5, 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`subject` is a record's purpose (`ownership`, `routing` ...), or `zone`, `dnssec`, `caa`, `port80`.

    `code` is one of `app.dns.codes.CODES`; empty with the verdict `ok`.
    """

    subject: str
    name: str
    type: str = ""
    expected: tuple[str, ...] = ()
    authoritative: tuple[str, ...] = ()
    resolver: tuple[str, ...] = ()
    verdict: Verdict = "ok"
    code: str = ""
    message: str = ""
    hint: str = ""
    #: After how many seconds looking again can show something else, as far as TTLs tell.
    wait: int = 60

    @property
    def ok(self) -> bool:
        """Whether nothing is left to do."""
        return self.verdict == "ok"

    def as_data(self) -> dict[str, Any]:
        """Plain JSON values, for an event."""
        return {
            key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()
        }


def bounded(seconds: int | None, otherwise: int = 60) -> int:
    """A TTL as a time to wait: neither a nuisance to others, nor so long that a repair goes unseen."""
    return min(max(otherwise if seconds is None else seconds, _SOONEST), _LATEST)
