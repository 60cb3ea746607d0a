"""The port: what the platform asks of a client for addresses that people typed in, and what comes back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered, whatever its status; `judging.judged` says whether that is a success.

    `headers` holds the few that matter (`port.KEPT_HEADERS`), by lower-case name. `snippet` is the beginning
    of the body as text without control characters; `cut` says that the receiver had more to say than is read.
    """

    host: str
    address: str
    status: int
    headers: Mapping[str, str]
    snippet: str
    cut: bool
    milliseconds: int


#: The headers of an answer that are kept.
KEPT_HEADERS = frozenset({"retry-after", "content-type", "content-encoding", "location"})


class Outbound(Protocol):
    """Calls to receivers that nobody here has vouched for."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send `body` and read the answer; redirects are answers, nothing is followed.

        RetryableError `timeout`, `tls_error`, `dns_error`, `connection_reset` (also for what cannot be
        connected to, and for what is not HTTP); PermanentError `ssrf_blocked`, `url_not_https`,
        `header_invalid`, `body_too_large` (ours), `url_invalid`. The evidence holds `host` and `ms`, but for
        the last.
        """

    def check_url(self, url: str) -> None:
        """Refuse what `post` will never send to, when the address is saved. A name unknown today may pass.

        InvalidInput `url_invalid`, `url_not_https`, `ssrf_blocked`.
        """

    def addresses(self, host: str, port: int, plain: bool) -> list[str]:
        """The addresses of a server that is not spoken to by http, as far as it may be connected to.

        Raises what `check_url` does, and RetryableError `dns_error`. `plain`: nothing will be encrypted.
        """
