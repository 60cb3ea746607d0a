"""The port: what is asked of a certificate authority. All of it may be asked again at any time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Method = Literal["http-01", "dns-01"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What the authority wants to see for one name, by one method.

    HTTP-01: `key_authorization` at `/.well-known/acme-challenge/<token>`; DNS-01: `text` as TXT at
    `_acme-challenge.<name>` (RFC 8555 §8.3, §8.4). Neither is a secret.
    """

    name: str
    token: str
    key_authorization: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When the authority would like a certificate renewed (RFC 9773), and after how many seconds to ask
    again.
    """

    start: datetime
    end: datetime
    check_s: int


class Authority(Protocol):
    """A certificate authority, and our account there, which is made when it is first needed.

    Each call may raise RetryableError `acme_unreachable`, `acme_bad_nonce` or `acme_internal`, and
    PermanentError with the code of the authority's problem: see `problems.CODES`. Evidence: `problem` is
    what it said, `retry_after` (seconds) what it asked for.
    """

    def caa_names(self) -> tuple[str, ...]:
        """The names by which CAA records know it; none where it does not say."""

    def order(self, request: bytes) -> str:
        """Order a certificate for the names in a signing request (PEM); the order's URL."""

    def is_open(self, order: str) -> bool:
        """Whether an order can still lead to a certificate."""

    def challenges(self, order: str, method: Method) -> tuple[Challenge, ...]:
        """What the order still needs to be shown; nothing when all was shown before."""

    def advance(self, order: str, request: bytes, method: Method, *, look: bool = True) -> str | None:
        """Do what an order needs next: have it look at what is shown (`look`: say so, once is enough), send
        the request, fetch the chain.

        Returns the chain (PEM) once there is one; None: call again in a while.
        """

    def renewal_window(self, chain: str) -> Window | None:
        """When the authority would like the first certificate renewed; None where it does not say."""
