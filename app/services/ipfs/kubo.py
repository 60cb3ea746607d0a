"""A Kubo node by its RPC (`/api/v0`, every call a POST). It is the operator's own, so it may be on loopback.

Content is sent as a CAR of our own making: the node's own importer might name the same files otherwise.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from secrets import token_hex
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

import httpx2

from app.content.car import car, cids
from app.content.cid import Cid
from app.errors import InvalidInput, PermanentError, RetryableError
from app.services.ipfs.port import GetBlock, Pinned

#: Seconds. A node pins a large tree before it says anything, hence the long wait for an answer.
CONNECT, SEND, ANSWER = 5.0, 60.0, 300.0
_MOST_TOLD = 300
_FULL = ("no space left", "disk quota", "maximum storage")
_START = "Look whether the node runs (`ipfs daemon`) and whether KUBO_API is the address of its RPC."


class KuboNode:
    """An `Ipfs` at an address such as `http://127.0.0.1:5001`.

    A user and a password before the host are sent as basic credentials, a user alone as a bearer token.
    """

    def __init__(self, address: str, *, answer_within: float = ANSWER) -> None:
        parts = urlsplit(address)
        self._host = parts.netloc.rpartition("@")[2]
        self._url = f"{parts.scheme}://{self._host}{parts.path}/api/v0/"
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        self._auth = (user, password) if password else None
        self._headers = {"authorization": f"Bearer {user}"} if user and not password else {}
        self._timeout = httpx2.Timeout(answer_within, connect=CONNECT, write=SEND)

    def pin(self, root: Cid, get_block: GetBlock) -> Pinned:
        """Send, unless it is there already, and look that all of it arrived; see the port."""
        wanted = _wanted(root, get_block)
        sent = 0
        if self._lacks(root, wanted):
            sent = self._send(root, get_block)
            if lacking := self._lacks(root, wanted):
                what = f"{self._host} took {root}, but lacks {len(lacking)} of {len(wanted)} blocks."
                raise _incomplete(what, {"lacking": len(lacking), "blocks": len(wanted)})
        return Pinned(root, len(wanted), sent)

    def holds(self, root: Cid, get_block: GetBlock) -> bool:
        """See the port."""
        return not self._lacks(root, _wanted(root, get_block))

    def unpin(self, root: Cid) -> bool:
        """See the port."""
        with self._asked("pin/rm", {"arg": str(root)}) as answer:
            return not _says_not_pinned(answer)

    def _lacks(self, root: Cid, wanted: set[bytes]) -> set[bytes]:
        """The digests that are not there: all while it is not pinned. The node walks what it has, no more."""
        with self._asked("pin/ls", {"arg": str(root), "type": "recursive", "offline": "true"}) as answer:
            if _says_not_pinned(answer):
                return wanted
        found = {root.digest}
        with self._asked(
            "refs", {"arg": str(root), "recursive": "true", "unique": "true", "offline": "true"}
        ) as answer:
            for line in self._lines(answer):
                if ref := line.get("Ref"):
                    found.add(_cid(ref).digest)
        return wanted - found

    def _send(self, root: Cid, get_block: GetBlock) -> int:
        """Import the CAR and pin its root; returns the bytes of the CAR."""
        counted = _Counted(car(root, get_block))
        boundary = token_hex(16)  # content cannot know it, so content cannot end the part
        kind = {"content-type": f"multipart/form-data; boundary={boundary}"}
        with self._asked("dag/import", {"pin-roots": "true"}, kind, _multipart(boundary, counted)) as answer:
            roots = [line["Root"] for line in self._lines(answer) if isinstance(line.get("Root"), dict)]
        for pinned in roots:
            _check_root(root, pinned)
        if not roots:
            raise _incomplete(f"{self._host} broke off the import of {root} without a word.", {})
        return counted.bytes

    @contextmanager
    def _asked(
        self,
        call: str,
        query: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
        content: Iterator[bytes] | None = None,
    ) -> Iterator[httpx2.Response]:
        """One call. Besides 200, what says “not pinned” is an answer; everything else is raised."""
        with (
            self._told(),
            httpx2.Client(trust_env=False, timeout=self._timeout, auth=self._auth) as client,
            client.stream(
                "POST",
                self._url + call,
                params=query,
                headers={**self._headers, **(headers or {})},
                content=content,
            ) as answer,
        ):
            if answer.status_code != 200:
                answer.read()
                if not _says_not_pinned(answer):
                    self._refuse(answer)
            yield answer

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say in our words how a connection failed."""
        try:
            yield
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            what = f"The IPFS node at {self._host} cannot be connected to: {error}."
            raise RetryableError("ipfs_unavailable", what, _START) from error
        except httpx2.TimeoutException as error:
            what = f"The IPFS node at {self._host} did not answer in time."
            raise RetryableError("ipfs_unavailable", what, "Look how busy it is, and its log.") from error
        except httpx2.TransportError as error:
            what = f"The IPFS node at {self._host} hung up in the middle: {error}."
            raise RetryableError("ipfs_cut", what, "Look whether it was restarted, and its log.") from error

    def _lines(self, answer: httpx2.Response) -> Iterator[dict[str, Any]]:
        """The objects of the answer, one a line."""
        for text in answer.iter_lines():
            if not text.strip():
                continue
            try:
                line = json.loads(text)
            except ValueError:
                line = None
            if not isinstance(line, dict):
                raise self._no_node(f"it answered {text[:80]!r}")
            yield line

    def _refuse(self, answer: httpx2.Response) -> NoReturn:
        said, status = _message(answer), answer.status_code
        evidence = {"http_status": status, "said": said}
        if status in (401, 403):
            what = f"The IPFS node at {self._host} lets nobody in with these credentials ({status})."
            hint = (
                "Put those of its `API.Authorizations` into KUBO_API: http://user:password@host:port, "
                "or a token alone as the user."
            )
            raise PermanentError("ipfs_denied", what, hint, evidence=evidence)
        if status < 500:
            raise self._no_node(f"it answered {status}", evidence)
        if any(word in said.lower() for word in _FULL):
            what = f"The disk of the IPFS node at {self._host} is full."
            raise RetryableError("ipfs_full", what, "Free some space: `ipfs repo gc`.", evidence=evidence)
        what = f"The IPFS node at {self._host} failed: {said or status}."
        raise RetryableError("ipfs_failed", what, "Look into its log.", evidence=evidence)

    def _no_node(self, why: str, evidence: Mapping[str, Any] | None = None) -> PermanentError:
        what = f"There is no Kubo RPC at {self._host}: {why}."
        return PermanentError("ipfs_refused", what, _START, evidence=evidence)


class _Counted:
    """Pieces as they pass, and how many bytes that were."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.bytes += len(piece)
            yield piece


def _multipart(boundary: str, pieces: _Counted) -> Iterator[bytes]:
    yield (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="site.car"\r\n'
        "Content-Type: application/vnd.ipld.car\r\n\r\n"
    ).encode()
    yield from pieces
    yield f"\r\n--{boundary}--\r\n".encode()


def _wanted(root: Cid, get_block: GetBlock) -> set[bytes]:
    """The digests of all blocks: nodes keep blocks by digest, and spell CIDs as they like."""
    return {cid.digest for cid in cids(root, get_block)}


def _check_root(root: Cid, told: Mapping[str, Any]) -> None:
    """Raise unless it is our root that was pinned, with all that is under it."""
    found = told.get("Cid")
    name = str(found.get("/")) if isinstance(found, dict) else str(found)
    if _cid(name).to_v1() != root.to_v1():
        what = f"{root} was sent, and {name[:_MOST_TOLD]} was pinned."
        hint = "What answers at KUBO_API is not a Kubo node, or something between alters what is sent."
        raise PermanentError("ipfs_wrong_cid", what, hint, evidence={"expected": str(root), "found": name})
    if reason := str(told.get("PinErrorMsg") or "")[:_MOST_TOLD]:
        raise _incomplete(
            f"The node took the blocks of {root}, but could not pin it: {reason}.", {"said": reason}
        )


def _cid(name: str) -> Cid:
    try:
        return Cid.parse(name)
    except InvalidInput as error:
        what = f"The IPFS node speaks of {name[:_MOST_TOLD]!r}, which is nothing that was sent."
        raise PermanentError("ipfs_wrong_cid", what, error.hint, evidence={"found": name}) from error


def _incomplete(what: str, evidence: Mapping[str, Any]) -> RetryableError:
    return RetryableError("ipfs_incomplete", what, "Look into the node's log.", evidence=evidence)


def _says_not_pinned(answer: httpx2.Response) -> bool:
    """Kubo has no status of its own for it."""
    return answer.status_code == 500 and "not pinned" in _message(answer)


def _message(answer: httpx2.Response) -> str:
    try:
        said = answer.json()["Message"]
    except (ValueError, TypeError, KeyError):
        said = answer.text.strip()
    return str(said)[:_MOST_TOLD]
