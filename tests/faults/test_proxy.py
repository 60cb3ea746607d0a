"""The network between the platform and its servers is cut, refused, silent or slow when it is told to be."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.faults.chaos.proxy import Proxy

SOON = 0.3


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """In front of a server that says everything again."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def echo(client: socket.socket) -> None:
            with suppress(OSError), client:
                while said := client.recv(1024):
                    client.sendall(said)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=echo, args=(server.accept()[0],), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        proxy = Proxy(server.getsockname()[1])
        yield proxy
        proxy.close()
        server.shutdown(socket.SHUT_RDWR)


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=SOON)


def say(client: socket.socket, word: bytes) -> bytes:
    """Say something through the proxy; what is heard."""
    client.sendall(word)
    return client.recv(1024)


def is_broken(client: socket.socket) -> bool:
    """Whether the other end has gone, which may be told by an error or by nothing more to hear."""
    try:
        return say(client, b"again") == b""
    except ConnectionError:
        return True


def test_a_proxy_that_cuts_breaks_what_is_there_and_takes_what_is_new(proxy: Proxy) -> None:
    with connect(proxy) as client:
        assert say(client, b"hello") == b"hello"
        proxy.cut()
        assert is_broken(client)
    with connect(proxy) as client:
        assert say(client, b"hello") == b"hello"


def test_a_proxy_that_refuses_breaks_what_is_there_and_takes_nothing_until_it_forwards(proxy: Proxy) -> None:
    with connect(proxy) as client:
        assert say(client, b"hello") == b"hello"
        proxy.refuse()
        assert is_broken(client)
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
    proxy.forward()
    with connect(proxy) as client:
        assert say(client, b"hello") == b"hello"


def test_a_silent_proxy_takes_everything_and_passes_it_on_when_it_forwards(proxy: Proxy) -> None:
    with connect(proxy) as client:
        assert say(client, b"hello") == b"hello"
        proxy.silence()
        with pytest.raises(TimeoutError):
            say(client, b"late")
        with connect(proxy) as another, pytest.raises(TimeoutError):
            say(another, b"hello")
        proxy.forward()
        assert client.recv(1024) == b"late"


def test_a_slow_proxy_holds_back_each_way_until_it_forwards(proxy: Proxy) -> None:
    def takes() -> float:
        began = time.monotonic()
        assert say(client, b"hello") == b"hello"
        return time.monotonic() - began

    with connect(proxy) as client:
        proxy.slow(SOON / 3)
        assert takes() >= 2 * SOON / 3
        proxy.forward()
        assert min(takes() for _ in range(5)) < SOON / 3
