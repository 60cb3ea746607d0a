"""What httpcore connects with here: only to addresses that were checked, and only until one common deadline.

Apart because a name is never looked at again: httpcore keeps it for SNI, certificate and Host header alone.
"""

import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import httpcore2

from app.services.outbound.targets import Address


class Deadline:
    """When the whole call must have ended; no single pause is measured."""

    def __init__(self, seconds: float) -> None:
        #: Seconds for all of it.
        self.seconds = seconds
        self._began = time.monotonic()

    @property
    def milliseconds(self) -> int:
        """How long it has taken until now."""
        return round((time.monotonic() - self._began) * 1000)

    def left(self) -> float:
        """Seconds that are left. TimeoutError when there are none."""
        left = self._began + self.seconds - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"{self.seconds:g} s are over")
        return left


@contextmanager
def _told_as(late: type[Exception], broken: type[Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise late(str(error)) from error
    except OSError as error:
        raise broken(str(error)) from error


class TimedStream(httpcore2.NetworkStream):
    """One connection, whose every wait ends at the deadline. httpcore's own time limits are not used."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._socket = connection
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come, at least one byte; nothing at the end."""
        with _told_as(httpcore2.ReadTimeout, httpcore2.ReadError):
            self._socket.settimeout(self._deadline.left())
            return self._socket.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it."""
        rest = memoryview(buffer)
        with _told_as(httpcore2.WriteTimeout, httpcore2.WriteError):
            while rest:
                self._socket.settimeout(self._deadline.left())
                rest = rest[self._socket.send(rest) :]

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        """Shake hands; the certificate is checked against the name, whatever address was connected to."""
        with _told_as(httpcore2.ConnectTimeout, httpcore2.ConnectError):
            self._socket.settimeout(self._deadline.left())
            self._socket = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        return self

    def get_extra_info(self, info: str) -> Any:
        """The TLS object, by which httpcore learns the protocol."""
        return self._socket if info == "ssl_object" and isinstance(self._socket, ssl.SSLSocket) else None

    def close(self) -> None:
        """Hang up; harmless when it has ended."""
        self._socket.close()


class CheckedNetwork(httpcore2.NetworkBackend):
    """A network that consists of the given addresses. As a context manager it hangs up."""

    def __init__(self, addresses: Sequence[Address], deadline: Deadline) -> None:
        self._addresses = addresses
        self._deadline = deadline
        self._stream: TimedStream | None = None
        #: The address that answered.
        self.connected = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._stream is not None:
            self._stream.close()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first address that answers; `host` is not looked up."""
        with _told_as(httpcore2.ConnectTimeout, httpcore2.ConnectError):
            self._stream = TimedStream(self._first(port), self._deadline)
        return self._stream

    def _first(self, port: int) -> socket.socket:
        """A connection to the first address that answers; each gets its share of the time that is left."""
        failure = OSError("it has no address")
        for number, address in enumerate(self._addresses):
            share = self._deadline.left() / (len(self._addresses) - number)
            try:
                connection = self._connect(address, port, share)
            except OSError as error:
                failure = error
            else:
                self.connected = str(address)
                return connection
        raise failure

    @staticmethod
    def _connect(address: Address, port: int, seconds: float) -> socket.socket:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(seconds)
            connection.connect((str(address), port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            connection.close()
            raise
        return connection
