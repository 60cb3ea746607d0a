"""One conversation with a mail server, all of whose waits end at one deadline.

Apart because smtplib measures each wait alone, looks names up again, and calls a timeout a hang-up.
"""

import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any

from app.services.notify.mailto import STARTTLS, TLS, Server

#: No server says more in one conversation.
MOST_BYTES = 1 << 16


class Conversation(smtplib.SMTP):
    """A connection to the first of the addresses that answers; the certificate is checked against the host.

    Raises what smtplib does, ssl.SSLError, and OSError for a server that cannot be connected to.
    """

    def __init__(self, server: Server, addresses: Sequence[str], *, hello: str, seconds: float) -> None:
        self._server, self._addresses = server, addresses
        self._ends = time.monotonic() + seconds
        super().__init__(server.host, server.port, local_hostname=hello, timeout=seconds)

    def prepare(self) -> None:
        """Encrypt and sign in, as far as the server's URL wants it."""
        if self._server.secure == STARTTLS:
            self.starttls(context=ssl.create_default_context())
        if self._server.user and self._server.password:
            self.login(self._server.user, self._server.password)

    def left(self) -> float:
        """Seconds that are left. TimeoutError when there are none."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time is over")
        return left

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:  # called by connect()
        failure = OSError("it has no address")
        for number, address in enumerate(self._addresses):
            try:
                share = self.left() / (len(self._addresses) - number)
                connection = socket.create_connection((address, port), share)
                break
            except OSError as error:
                failure = error
        else:
            raise failure
        if self._server.secure == TLS:
            connection.settimeout(self.left())
            return ssl.create_default_context().wrap_socket(connection, server_hostname=host)
        return connection

    def send(self, s: Any) -> None:
        """Send bytes or text, within the time that is left."""
        if self.sock is not None:
            self.sock.settimeout(self.left())
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        """The next answer, within the time that is left."""
        if self.file is None and self.sock is not None:
            self.file = _Lines(self.sock, self.left)
        return super().getreply()


class _Lines:
    """The lines that a socket brings. After STARTTLS smtplib drops it, and with it what came too early."""

    def __init__(self, connection: socket.socket, left: Callable[[], float]) -> None:
        self._socket, self._left = connection, left
        self._rest = b""
        self._size = 0

    def readline(self, limit: int) -> bytes:
        """One line; less at the end, or when it is longer than `limit`. OSError for a server that babbles."""
        while b"\n" not in self._rest and len(self._rest) < limit:
            self._socket.settimeout(self._left())
            part = self._socket.recv(4096)
            self._size += len(part)
            if self._size > MOST_BYTES:
                raise OSError("it does not stop talking")
            if not part:
                break
            self._rest += part
        end = self._rest.find(b"\n") + 1 or len(self._rest)
        line, self._rest = self._rest[: min(end, limit)], self._rest[min(end, limit) :]
        return line

    def close(self) -> None:
        """The socket is closed by its owner."""
