"""The guarded client against receivers that behave badly: each has one clear outcome, within the limits."""

import errno
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from app.errors import PermanentError, PlatformError, RetryableError
from app.services.outbound.guarded import GuardedOutbound, Limits
from app.services.outbound.judging import judged
from app.services.outbound.port import Answer
from tests.fixtures.receivers import Receiver, Visit, answering, certified

Receivers = Callable[..., Receiver]
HERE = GuardedOutbound("127.0.0.0/8")
QUICK = Limits(seconds=0.4, lookup_seconds=0.2)
HASTY = GuardedOutbound("127.0.0.0/8", limits=QUICK)


def post(url: str, client: GuardedOutbound = HERE, body: bytes = b"{}", **headers: str) -> Answer:
    return client.post(url, body, headers)


def refused(url: str, client: GuardedOutbound = HERE, **more: Any) -> PlatformError:
    """The error of a call, which came soon: the limit of 0.4 s, and patience for a busy machine."""
    began = time.monotonic()
    with pytest.raises(PlatformError) as caught:
        post(url, client, **more)
    assert time.monotonic() - began < 3
    assert isinstance(caught.value.evidence["ms"], int)
    return caught.value


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let names have these addresses, one answer after the other; gives the names that were asked for."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, *_: object, **__: object) -> list[Any]:
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_a_receiver_gets_the_request_and_its_answer_comes_back(receiver: Receivers) -> None:
    there = receiver(answering("201 Created", "schön\n".encode(), retry_after="7", set_cookie="a=b"))
    answer = post(there.url + "/a%20b?c=d#e", body=b"hello", **{"Webhook-Id": "1", "Host": "elsewhere"})
    assert (answer.status, answer.snippet, answer.cut) == (201, "schön\n", False)
    assert (answer.host, answer.address) == ("127.0.0.1", "127.0.0.1")
    assert answer.headers == {"retry-after": "7"}
    assert isinstance(answer.milliseconds, int)
    head, _, body = there.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert (lines[0], body) == ("POST /in/a%20b?c=d HTTP/1.1", b"hello")
    assert sorted(lines[1:]) == [
        "accept-encoding: identity",
        "connection: close",
        "content-length: 5",
        f"host: 127.0.0.1:{there.port}",
        "user-agent: Antiphon",
        "webhook-id: 1",
    ]


def test_a_receiver_that_never_answers_is_a_timeout(receiver: Receivers) -> None:
    there = receiver(lambda visit: visit.stop.wait(5))
    error = refused(there.url, HASTY)
    assert (type(error), error.code) == (RetryableError, "timeout")
    assert "127.0.0.1 did not answer within 0.4 s" in error.message


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n"])
def test_an_answer_that_trickles_is_a_timeout_however_far_it_came(receiver: Receivers, head: bytes) -> None:
    def trickle(visit: Visit) -> None:
        visit.read()
        visit.send(head)
        visit.send(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100, pause=0.05)

    assert refused(receiver(trickle).url, HASTY).code == "timeout"


def test_a_handshake_that_never_ends_is_a_timeout(receiver: Receivers) -> None:
    there = receiver(lambda visit: visit.stop.wait(5))
    assert refused(there.url.replace("http", "https"), HASTY).code == "timeout"


def test_a_receiver_that_reads_nothing_is_a_timeout(receiver: Receivers) -> None:
    there = receiver(lambda visit: visit.stop.wait(5))
    client = GuardedOutbound("127.0.0.0/8", limits=Limits(seconds=0.4, body_bytes=1 << 26))
    assert refused(there.url, client, body=bytes(1 << 26)).code == "timeout"


def test_an_answer_of_100_megabytes_is_cut_and_counts(receiver: Receivers) -> None:
    sent = 0

    def flood(visit: Visit) -> None:
        nonlocal sent
        visit.read()
        visit.send(b"HTTP/1.1 200 OK\r\ncontent-length: 104857600\r\n\r\n")
        for _ in range(1600):
            visit.connection.sendall(b"x" * 65536)
            sent += 65536

    answer = post(receiver(flood).url)
    assert (answer.status, answer.cut, answer.snippet) == (200, True, "x" * 2048)
    assert sent < 20 << 20, "it hung up early"


def test_endless_headers_are_no_answer(receiver: Receivers) -> None:
    def flood(visit: Visit) -> None:
        visit.read()
        visit.send(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100_000)

    assert refused(receiver(flood).url).code == "connection_reset"


def test_endless_interim_answers_end_at_the_limit(receiver: Receivers) -> None:
    def hesitate(visit: Visit) -> None:
        visit.read()
        while not visit.stop.wait(0.01):
            visit.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    assert refused(receiver(hesitate).url, HASTY).code == "timeout"


def test_a_packed_answer_is_not_unpacked(receiver: Receivers) -> None:
    answer = post(receiver(answering(body=b"\x1f\x8b" + bytes(99), content_encoding="gzip")).url)
    assert answer.snippet == "(packed as gzip)"


def test_a_snippet_is_text_that_any_database_keeps(receiver: Receivers) -> None:
    answer = post(receiver(answering(body=b"a\0b\x1b[2J\n\xff" + "ö".encode() * 2000)).url)
    assert answer.snippet.startswith("ab[2J\n\ufffdöö")
    assert answer.snippet.endswith("ö")
    assert len(answer.snippet.encode()) <= 2048 + 2


def test_a_redirect_is_an_answer_and_nothing_follows_it(receiver: Receivers) -> None:
    inside = receiver(answering())
    there = receiver(answering("307 Temporary Redirect", location=inside.url))
    answer = post(there.url)
    assert (answer.status, answer.headers["location"]) == (307, inside.url)
    with pytest.raises(RetryableError) as caught:
        judged(answer, datetime.now(UTC))
    assert caught.value.code == "http_3xx"
    assert inside.requests == []


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\xff\xff",
    ],
)
def test_an_answer_that_breaks_off_or_is_not_http_is_a_reset(receiver: Receivers, said: bytes) -> None:
    def behave(visit: Visit) -> None:
        visit.read()
        visit.send(said)

    error = refused(receiver(behave).url)
    assert (type(error), error.code) == (RetryableError, "connection_reset")


def test_a_receiver_that_is_not_there_says_why() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = refused(f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert error.code == "connection_reset"
    assert error.evidence["reason"] == "Connection refused"


def test_a_receiver_may_answer_before_it_has_read_all(receiver: Receivers) -> None:
    def hasty(visit: Visit) -> None:
        visit.send(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n")
        visit.stop.wait(0.2)

    assert post(receiver(hasty).url).status == 413


def test_a_certificate_is_checked_against_the_name_and_not_the_address(
    receiver: Receivers, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, trust = certified(tmp_path, "hooks.example.org")
    named: list[str | None] = []
    server.sni_callback = lambda _socket, name, _context: named.append(name)  # type: ignore[assignment]
    there = receiver(answering(), server)
    resolving(monkeypatch, ["127.0.0.1"])
    client = GuardedOutbound("127.0.0.0/8", trust=trust)
    assert post(f"https://hooks.example.org.:{there.port}/", client).status == 200
    assert named == ["hooks.example.org"]
    assert f"host: hooks.example.org:{there.port}\r\n".encode() in there.requests[0]
    error = refused(f"https://other.example.org:{there.port}/", client)
    assert (type(error), error.code) == (RetryableError, "tls_error")
    assert "other.example.org" in error.evidence["reason"]


@pytest.mark.parametrize(("days", "trusted", "reason"), [(1, False, "self-signed"), (-1, True, "expired")])
def test_a_wrong_certificate_is_refused(
    receiver: Receivers, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, days: int, trusted: bool, reason: str
) -> None:
    server, trust = certified(tmp_path, "hooks.example.org", days=days)
    resolving(monkeypatch, ["127.0.0.1"])
    there = receiver(answering(), server)
    client = GuardedOutbound("127.0.0.0/8", trust=trust if trusted else None)
    error = refused(f"https://hooks.example.org:{there.port}/", client)
    assert error.code == "tls_error"
    assert reason in error.message
    assert there.requests == []


def test_a_receiver_that_speaks_no_tls_is_a_tls_error(receiver: Receivers) -> None:
    there = receiver(lambda visit: visit.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    assert refused(there.url.replace("http", "https")).code == "tls_error"


def test_a_name_is_resolved_once_and_that_address_is_called(
    receiver: Receivers, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = receiver(answering())
    client = GuardedOutbound("127.0.0.1")  # stands for what is public
    asked = resolving(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
    assert post(f"http://rebinding.example.org:{there.port}/", client).address == "127.0.0.1"
    assert asked == ["rebinding.example.org"]
    error = refused(f"http://rebinding.example.org:{there.port}/", client)
    assert (type(error).__mro__[1], error.code) == (PermanentError, "ssrf_blocked")
    assert len(there.requests) == 1


def test_a_name_that_was_public_when_it_was_saved_is_checked_again(
    receiver: Receivers, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = receiver(answering())
    resolving(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    client = GuardedOutbound()
    client.check_url(f"https://rebinding.example.org:{there.port}/")
    error = refused(f"https://rebinding.example.org:{there.port}/", client)
    assert (error.code, error.evidence["address"]) == ("ssrf_blocked", "127.0.0.1")
    assert there.requests == []


def test_one_private_address_among_public_ones_is_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, ["93.184.216.34", "10.0.0.1"])
    assert refused("https://mixed.example.org/", GuardedOutbound()).code == "ssrf_blocked"


def test_an_allowed_address_is_preferred_and_the_next_one_is_tried(
    receiver: Receivers, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = receiver(answering())
    resolving(monkeypatch, ["10.0.0.1", "127.0.0.3", "127.0.0.1"])
    assert post(f"http://mixed.example.org:{there.port}/").address == "127.0.0.1"
    assert post(f"http://localhost:{there.port}/").host == "localhost"


def test_a_resolver_that_hangs_ends_at_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def hang(*_: object, **__: object) -> list[Any]:
        over.wait(5)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    error = refused("https://slow.example.org/", GuardedOutbound(limits=QUICK))
    assert (type(error), error.code) == (RetryableError, "dns_error")
    GuardedOutbound(limits=QUICK).check_url("https://slow.example.org/")
    over.set()


def test_a_name_without_address_is_a_dns_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = refused("https://nowhere.example.org/", GuardedOutbound())
    assert (error.code, error.evidence["reason"]) == ("dns_error", "Name or service not known")
    resolving(monkeypatch, [])
    assert refused("https://nowhere.example.org/", GuardedOutbound()).code == "dns_error"


def test_proxies_of_the_environment_are_not_used(
    receiver: Receivers, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = receiver(answering())
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    assert post(receiver(answering("204 No Content")).url).status == 204
    assert proxy.requests == []


def test_httpcore_connects_by_our_network_alone(receiver: Receivers, monkeypatch: pytest.MonkeyPatch) -> None:
    """If it ever looked a name up or opened a socket by itself, the check of the address would be void."""

    def never(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "it went its own way")

    there = receiver(answering())
    opened: list[Any] = []
    connect = socket.socket.connect
    monkeypatch.setattr(socket, "create_connection", never)
    monkeypatch.setattr(socket, "getaddrinfo", never)
    monkeypatch.setattr(socket.socket, "connect", lambda s, to: (opened.append(to), connect(s, to))[1])
    assert post(there.url).status == 200
    assert opened == [("127.0.0.1", there.port)]


@pytest.mark.parametrize("headers", [{"x": "a\r\nhost: b"}, {"x": "ö"}, {"a b": "c"}, {"": "c"}])
def test_a_header_that_cannot_be_sent_is_refused_before(receiver: Receivers, headers: dict[str, str]) -> None:
    there = receiver(answering())
    assert refused(there.url, **headers).code == "header_invalid"
    assert there.requests in ([], [b""])


def test_a_body_over_the_limit_is_refused_before(receiver: Receivers) -> None:
    there = receiver(answering())
    error = refused(there.url, body=bytes((1 << 20) + 1))
    assert (type(error), error.code) == (PermanentError, "body_too_large")
    assert there.requests == []
