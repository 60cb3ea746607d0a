"""E-mail over real sockets: what arrives, what is refused, what is only put off, and whom it may go to."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.errors import InvalidInput, PermanentError, PlatformError, RetryableError
from app.services import notify
from app.services.notify import channel_at, check_channel, open_channel
from app.services.notify.mail import MailChannel
from app.services.notify.mailto import STARTTLS, TLS, Server
from app.services.notify.port import Message
from app.services.outbound.guarded import GuardedOutbound
from tests.fixtures.databases import wait_for
from tests.fixtures.mailboxes import Mailboxes, nobody
from tests.fixtures.receivers import Receiver, answering, certified

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HELLO = Message("me@example.org", "Grüße von hello #3", "Zeile eins, ünd\n.\nzwei", "r1", AT)
OPEN = GuardedOutbound("127.0.0.0/8").addresses
Start = Callable[..., Mailboxes]


def to(port: int, **more: Any) -> MailChannel:
    return MailChannel(Server("127.0.0.1", port, "plain", **more), "antiphon@example.org")


def refused(
    channel: MailChannel, kind: type[PlatformError], code: str, message: Message = HELLO
) -> PlatformError:
    with pytest.raises(kind) as caught:
        channel.send(message)
    assert caught.value.code == code
    assert caught.value.message.endswith(".")
    assert caught.value.hint
    return caught.value


def test_a_message_arrives_whole_and_in_its_own_letters(
    mailboxes: Start, configure: Callable[..., None]
) -> None:
    there = mailboxes()
    configure(SMTP_URL=there.url, NOTIFY_FROM="antiphon@example.org")
    assert open_channel().send(HELLO) == "<r1@example.org>"
    [(sender, recipients, mail)] = there.taken
    assert (sender, recipients) == ("antiphon@example.org", ["me@example.org"])
    assert mail["Subject"] == HELLO.title
    assert mail.get_content().replace("\r\n", "\n") == HELLO.text + "\n"
    assert (mail["Message-ID"], mail["Auto-Submitted"]) == ("<r1@example.org>", "auto-generated")
    assert mail["Date"].datetime == AT


def test_nobody_adds_a_header_by_a_title_or_a_recipient(mailboxes: Start) -> None:
    there = mailboxes()
    to(there.port).send(Message("me@example.org", "Hi\r\nBcc: all@example.org\x00", "x", "r\r\nX: 1"))
    [(_, recipients, mail)] = there.taken
    assert (recipients, mail["Bcc"], mail["X"]) == (["me@example.org"], None, None)
    for odd in (
        "me@example.org\nBcc: x@y.z",
        "me",
        "ü@example.org",
        '"a b"@example.org',
        "a@b@c",
        "a@-x.org",
    ):
        refused(to(there.port), PermanentError, "address_invalid", Message(odd, "t", "x", "k"))
    assert len(there.taken) == 1


def test_a_delay_may_pass_and_a_refusal_will_not(mailboxes: Start) -> None:
    there = mailboxes("451 4.7.1 greylisted", "554 5.7.1 spam", refuses={"no@x.org": "550 5.1.1 nobody"})
    put_off = refused(to(there.port), RetryableError, "mail_deferred")
    assert (put_off.evidence["smtp_code"], put_off.evidence["reply"]) == (451, "4.7.1 greylisted")
    refused(to(there.port), PermanentError, "mail_refused")
    refused(to(there.port), PermanentError, "recipient_refused", Message("no@x.org", "t", "x", "k"))
    there.refuses["later@x.org"] = "450 busy"
    refused(to(there.port), RetryableError, "mail_deferred", Message("later@x.org", "t", "x", "k"))
    to(there.port).send(HELLO)
    assert len(there.taken) == 1


def test_a_server_that_is_not_there_may_come_back() -> None:
    assert "refused" in refused(to(nobody()), RetryableError, "connection_reset").message


@pytest.mark.parametrize(
    ("says", "code"),
    [
        (b"", "timeout"),
        (b"2", "timeout"),
        (b"250-" * 20_000, "server_refused"),
        (b"554 go away\r\n", "server_refused"),
        (b"421 later\r\n", "mail_deferred"),
        (b"220 hi\r\n", "timeout"),
    ],
)
def test_a_server_that_does_not_get_on_is_left(
    receiver: Callable[..., Receiver], says: bytes, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def behave(visit: Any) -> None:
        visit.connection.sendall(says)
        visit.stop.wait(10)

    monkeypatch.setattr(MailChannel, "seconds", 0.3)
    kind = PermanentError if code == "server_refused" else RetryableError
    refused(to(receiver(behave).port), kind, code)


def test_a_server_that_hangs_up_or_drips_is_left(
    receiver: Callable[..., Receiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MailChannel, "seconds", 0.3)
    refused(to(receiver(lambda visit: None).port), RetryableError, "connection_reset")
    refused(to(receiver(lambda visit: visit.send(b"2" * 100, pause=0.05)).port), RetryableError, "timeout")


def test_a_password_goes_through_tls_whose_certificate_is_checked(
    mailboxes: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, _ = certified(tmp_path, "localhost")
    there = mailboxes(tls=tls, user=(b"u", b"s3cret"))
    good = MailChannel(Server("localhost", there.port, STARTTLS, "u", "s3cret"), "a@example.org")
    refused(good, RetryableError, "tls_error")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "localhost.pem"))
    good.send(HELLO)
    other = MailChannel(Server("127.0.0.1", there.port, STARTTLS, "u", "s3cret"), "a@example.org")
    refused(other, RetryableError, "tls_error")
    wrong = MailChannel(Server("localhost", there.port, STARTTLS, "u", "wr0ng"), "a@example.org")
    told = refused(wrong, PermanentError, "login_refused")
    assert "wr0ng" not in f"{told!r} {told.evidence}"
    straight = MailChannel(Server("localhost", there.port, TLS), "a@example.org")
    refused(straight, RetryableError, "tls_error")
    assert len(there.taken) == 1


def test_a_server_without_starttls_gets_no_password(mailboxes: Start) -> None:
    there = mailboxes()
    channel = MailChannel(Server("127.0.0.1", there.port, STARTTLS, "u", "p"), "a@example.org")
    refused(channel, PermanentError, "starttls_missing")


def test_a_mailto_url_is_a_channel(mailboxes: Start, configure: Callable[..., None]) -> None:
    configure()
    there = mailboxes()
    url = f"mailto://127.0.0.1:{there.port}?from=a@example.org&to=me@example.org"
    channel_at(url, OPEN).send(Message("ops", "t", "x", "k"))
    [(sender, recipients, _)] = there.taken
    assert (sender, recipients) == ("a@example.org", ["me@example.org"])


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("json://127.0.0.1/", "channel_scheme_refused"),
        ("form://example.org/", "channel_scheme_refused"),
        ("xml://example.org/", "channel_scheme_refused"),
        ("syslog://", "channel_scheme_refused"),
        ("dbus://", "channel_scheme_refused"),
        ("windows://", "channel_scheme_refused"),
        ("file:///etc/passwd", "channel_scheme_refused"),
        ("pover://user@token", "channel_scheme_refused"),  # known, but not allowed by default
        ("https://example.org/hook", "channel_scheme_refused"),
        ("nothing", "channel_url_invalid"),
        ("mailto://[::1", "channel_url_invalid"),
        ("mailtos://u:p4ss@example.org:x", "channel_url_invalid"),
        ("mailtos://u:p4ss@example.org?pgpprv=/etc/passwd", "channel_url_invalid"),
        ("mailtos://u:p4ss@example.org?mode=insecure", "channel_url_invalid"),
        ("mailtos://example.org", "channel_url_invalid"),
        ("mailtos://u:p4ss@example.org/a@b.org/c@d.org", "channel_url_invalid"),
        ("mailtos://u:p4ss@example.org?to=a%0ABcc:b@c.org", "channel_url_invalid"),
        ("mailtos://u:p4ss@127.0.0.1/", "ssrf_blocked"),
        ("mailtos://u:p4ss@2130706433/", "ssrf_blocked"),
        ("mailtos://u:p4ss@example.org?smtp=10.0.0.1&to=a@example.org", "ssrf_blocked"),
        ("mailto://u:p4ss@192.0.43.8?to=a@example.org", "mail_not_encrypted"),
        ("slack://T0", "channel_url_invalid"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7/?template=/etc/passwd", "channel_url_invalid"),
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js?verify=no", "channel_url_invalid"),
        ("discord://p4ss", "channel_url_invalid"),
        (f"mailtos://u:p4ss@example.org?to={'a' * 2000}", "channel_url_invalid"),
        ("mailtos://u:p4ss@example.org ?to=x", "channel_url_invalid"),
    ],
)
def test_what_is_no_channel_is_refused_without_repeating_its_secrets(
    url: str, code: str, configure: Callable[..., None]
) -> None:
    configure()
    with pytest.raises(InvalidInput) as caught:
        check_channel(url, GuardedOutbound().addresses)
    assert caught.value.code == code
    assert caught.value.hint
    assert "p4ss" not in f"{caught.value!r} {caught.value.evidence}"


@pytest.fixture
def discord(configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Callable[[Receiver], Any]:
    """A channel whose service is a receiver of ours."""

    def channel(there: Receiver) -> Any:
        from apprise.plugins.discord import NotifyDiscord

        configure()
        monkeypatch.setattr(NotifyDiscord, "notify_url", there.url)
        monkeypatch.setattr(NotifyDiscord, "request_rate_per_sec", 0)
        return channel_at("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", OPEN)

    return channel


def test_a_chat_service_gets_plain_text_that_calls_nobody(
    receiver: Callable[..., Receiver], discord: Callable[[Receiver], Any]
) -> None:
    there = receiver(answering("204 No Content"))
    discord(there).send(Message("chat", "hello #3", "All is @everyone's, see <@123>", "k"))
    wait_for(lambda: there.requests)
    [request] = there.requests
    assert b"hello #3" in request
    assert b"@everyone" not in request
    assert b"<@123>" not in request


def test_a_list_that_is_too_long_for_a_chat_service_comes_in_several_posts(
    receiver: Callable[..., Receiver], discord: Callable[[Receiver], Any]
) -> None:
    there = receiver(answering("204 No Content"))
    listed = [f"2026-01-01 00:00 UTC  event {each:03}" for each in range(100)]
    discord(there).send(Message("chat", "100 messages", "\n".join(listed), "k"))
    posts = b"".join(there.requests).decode()
    assert len(there.requests) > 1
    assert all(f"event {each:03}" in posts for each in range(100))


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        ("404 Not Found", PermanentError, "service_refused"),
        ("503 Busy", RetryableError, "service_unavailable"),
        ("302 Found", RetryableError, "service_unavailable"),
    ],
)
def test_a_chat_service_that_does_not_take_it_is_told_apart(
    receiver: Callable[..., Receiver],
    discord: Callable[[Receiver], Any],
    status: str,
    kind: type[PlatformError],
    code: str,
) -> None:
    there = receiver(answering(status, location="http://127.0.0.1:9/"))
    told = refused(discord(there), kind, code)
    assert "JHMHI8qBe7bk2ZwO5U711o3dV_js" not in f"{told!r} {told.evidence}"
    wait_for(lambda: there.requests)
    assert len(there.requests) == 1


def test_a_service_whose_own_address_is_pasted_is_that_service(configure: Callable[..., None]) -> None:
    configure(NOTIFY_SCHEMES="slack,gchat")
    pasted = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7"
    assert notify.check_channel(pasted, OPEN) == "slack"
    with pytest.raises(InvalidInput, match="discord"):
        notify.check_channel("https://discord.com/api/webhooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", OPEN)
