"""Whether a host name leads to our gateway on port 80, asked before a certificate authority asks the same.

Only addresses that are ours are connected to: a name that leads elsewhere is told by its records, and nobody
can point this at a server of somebody else.
"""

from collections.abc import Iterable, Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException

from app.dns.preflight import PortProbe

_PORT = 80
_MOST_BYTES = 4096


class PortProber:
    """Asks addresses for a text that only our gateway gives; `port` is that of the world outside."""

    def __init__(self, addresses: Sequence[str], port: int = _PORT, seconds: float = 5.0) -> None:
        self._addresses = frozenset(addresses)
        self._port = port
        self._seconds = seconds

    def probe(self, host: str, found: Iterable[str], path: str, text: str) -> tuple[PortProbe, ...]:
        """What comes of `http://<host><path>` at each of the addresses found for it that is ours."""
        ours = sorted(self._addresses & set(found))
        return tuple(self._asked(host, address, path, text) for address in ours)

    def _asked(self, host: str, address: str, path: str, text: str) -> PortProbe:
        try:
            with closing(HTTPConnection(address, self._port, timeout=self._seconds)) as connection:
                connection.request("GET", path, headers={"Host": host, "Connection": "close"})
                answer = connection.getresponse()
                body = answer.read(_MOST_BYTES).decode("utf-8", "replace").strip()
        except TimeoutError:
            return PortProbe(address=address, trouble=f"no answer within {self._seconds:g} s")
        except OSError as error:
            return PortProbe(address=address, trouble=error.strerror or type(error).__name__)
        except HTTPException:
            return PortProbe(address=address, trouble="what answers speaks no HTTP")
        location = answer.getheader("Location") or ""
        ours = answer.status == 200 and body == text
        return PortProbe(address=address, ours=ours, status=answer.status, location="" if ours else location)
