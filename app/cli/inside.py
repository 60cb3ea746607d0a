"""The platform inside this process: requests go to the application itself, on the database, with no server.

Who may read the settings may do everything, so such a request needs no token: it says who asks in its
environment, where nothing that comes over a network can be.
"""

import io
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

import httpx2
from flask import Flask

from app.cli.platform import Platform

#: The variable of a request's environment that names a trusted asker.
ACTOR = "antiphon.actor"


def local(app: Flask) -> Platform:
    """The platform that this application is."""
    user = os.environ.get("USER") or f"uid {os.getuid()}"
    client = httpx2.Client(transport=Inside(app, f"cli:{user}"), base_url="http://localhost", timeout=None)
    return Platform(client, inside=True)


class Inside(httpx2.BaseTransport):
    """Calls an application by WSGI (PEP 3333). Bodies stream both ways, so size costs no memory."""

    def __init__(self, app: Flask, actor: str) -> None:
        self._app = app
        self._actor = actor

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Let the application answer."""
        started: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], _error: object = None) -> Any:
            started[:] = status, headers
            return started.append

        answer = iter(result := self._app(self._environment(request), start))
        first = next(answer, b"")  # an application may start its answer with its first bytes
        status, headers = started[:2]
        return httpx2.Response(int(status[:3]), headers=headers, stream=_Answer(first, answer, result))

    def _environment(self, request: httpx2.Request) -> dict[str, Any]:
        url, headers = request.url, request.headers
        assert isinstance(request.stream, httpx2.SyncByteStream)  # noqa: S101 - the client is a synchronous one
        return {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(url.raw_path.partition(b"?")[0]).decode("latin-1"),
            "QUERY_STRING": url.query.decode("ascii"),
            "SERVER_NAME": url.host,
            "SERVER_PORT": str(url.port or 80),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": headers.get("Content-Type", ""),
            "CONTENT_LENGTH": headers.get("Content-Length", ""),
            **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": url.scheme,
            "wsgi.input": io.BufferedReader(_Body(request.stream)),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            ACTOR: self._actor,
        }


class _Body(io.RawIOBase):
    """A request's pieces as one file."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


class _Answer(httpx2.SyncByteStream):
    """An answer's pieces, and the end that the application wants to hear of."""

    def __init__(self, first: bytes, rest: Iterator[bytes], result: Iterable[bytes]) -> None:
        self._first, self._rest, self._result = first, rest, result

    def __iter__(self) -> Iterator[bytes]:
        yield self._first
        yield from self._rest

    def close(self) -> None:
        if close := getattr(self._result, "close", None):
            close()
