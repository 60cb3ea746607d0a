"""An Ethereum node by JSON-RPC over HTTP: plain calls, so that reading a chain needs no library."""

from functools import cache
from ssl import SSLContext
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx2

from app.errors import PermanentError, PlatformError, RetryableError

SECONDS = 20.0
_MOST_TOLD = 300
_LOOK = "Look whether ENS_RPC is the address of an Ethereum node, and whether it runs and is in step."
#: What nodes say of a transaction, and what it means; they share no codes for it.
_REFUSALS: tuple[tuple[str, type[PlatformError], str, str], ...] = (
    ("insufficient funds", PermanentError, "insufficient_funds", "Send some ether to the signer's address."),
    ("nonce too low", PermanentError, "nonce_used", "Another transaction took its turn: prepare it anew."),
    ("underpriced", RetryableError, "underpriced", "Offer more for it."),
    ("fee too low", RetryableError, "underpriced", "Offer more for it."),
    ("less than block base fee", RetryableError, "underpriced", "Offer more for it."),
    ("revert", PermanentError, "reverted", "Look whether the sender may change this name's records."),
)


class Rpc:
    """One node. RetryableError `rpc_unavailable`, PermanentError `rpc_refused`, and the codes of `_REFUSALS`.

    The address may hold a key of the node's provider, so messages name its host alone.
    """

    def __init__(self, url: str, *, seconds: float = SECONDS) -> None:
        self._url = url
        self._host = urlsplit(url).netloc.rpartition("@")[2]
        self._seconds = seconds

    def ask(self, method: str, *params: Any) -> Any:
        """The result of a call, as JSON has it."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        try:
            how: Any = {"timeout": self._seconds, "trust_env": False, "verify": _authorities()}
            answer = httpx2.post(self._url, json=body, **how)
        except httpx2.TransportError as error:
            what = f"The node at {self._host} does not answer: {type(error).__name__}."
            raise RetryableError("rpc_unavailable", what, _LOOK) from error
        try:
            said = answer.json()
        except ValueError:
            said = None
        if not isinstance(said, dict) or not {"result", "error"} & said.keys():
            self._fail(answer.status_code)
        if said.get("error") or "result" not in said:
            self._refuse(method, said.get("error"), answer.status_code)
        return said["result"]

    def number(self, method: str, *params: Any) -> int:
        """The result of a call, which is a number."""
        return number_in(self.ask(method, *params))

    def call(self, to: str, data: bytes, *, block: int | None = None) -> bytes:
        """What a contract answers, at the newest block or at that one."""
        asked = {"to": to, "data": "0x" + data.hex()}
        at = "latest" if block is None else hex(block)
        return bytes.fromhex(str(self.ask("eth_call", asked, at)).removeprefix("0x"))

    def _fail(self, status: int) -> NoReturn:
        evidence = {"http_status": status}
        if status == 429 or status >= 500:
            what = f"The node at {self._host} is not there for us now ({status})."
            raise RetryableError("rpc_unavailable", what, _LOOK, evidence=evidence)
        what = f"What is at {self._host} is no Ethereum node for us: it answered {status}."
        raise PermanentError("rpc_refused", what, _LOOK, evidence=evidence)

    def _refuse(self, method: str, error: Any, status: int) -> NoReturn:
        said = str(error.get("message") if isinstance(error, dict) else error)[:_MOST_TOLD]
        evidence = {"method": method, "said": said}
        for words, kind, code, hint in _REFUSALS:
            if words in said.lower():
                raise kind(code, f"The node at {self._host} refuses: {said}.", hint, evidence=evidence)
        if status == 429 or status >= 500 or "limit" in said.lower():
            what = f"The node at {self._host} cannot answer now: {said}."
            raise RetryableError("rpc_unavailable", what, _LOOK, evidence=evidence)
        what = f"The node at {self._host} refuses {method}: {said}."
        raise PermanentError("rpc_refused", what, _LOOK, evidence=evidence)


@cache
def _authorities() -> SSLContext:
    """Whose certificates are believed; to read them takes longer than a call."""
    return httpx2.create_ssl_context()


def number_in(value: Any) -> int:
    """A number as JSON-RPC spells it (`0x1a`)."""
    return int(str(value), 16)
