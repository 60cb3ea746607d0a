"""E-mail, by smtplib: apprise tells neither a refusal from a delay nor one message from its repeat (0087)."""

import re
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.utils import format_datetime

from app.errors import InvalidInput, PermanentError, PlatformError, RetryableError
from app.services.notify.mailto import PLAIN, Mailbox, Server
from app.services.notify.port import Addresses, Message
from app.services.notify.smtp import Conversation
from config.mail import is_address

_REPLY_CHARACTERS = 300
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
#: What a refusal is about, by smtplib's class: the code, in words, and what to do.
_REFUSALS: dict[type[smtplib.SMTPException], tuple[str, str, str]] = {
    smtplib.SMTPAuthenticationError: ("login_refused", "the sign-in", "Look at the user and the password."),
    smtplib.SMTPSenderRefused: (
        "sender_refused",
        "the sender",
        "Let it send for this sender.",
    ),
    smtplib.SMTPDataError: ("mail_refused", "the message", "Its reply says why; look at its log."),
    smtplib.SMTPConnectError: ("server_refused", "us at the door", "Look whether it takes mail from here."),
    smtplib.SMTPHeloError: ("server_refused", "us at the door", "Look whether it takes mail from here."),
    smtplib.SMTPResponseException: ("server_refused", "what we asked", "Look at its log."),
}


class MailChannel:
    """Mail by one server. Without a mailbox each message goes to its recipient, as the operator set it up."""

    name = "email"
    #: How long one message may take.
    seconds = 30.0

    def __init__(self, server: Server, sender: str, *, to: str = "", addresses: Sequence[str] = ()) -> None:
        self._server, self._sender, self._to = server, sender, to
        self._addresses = addresses or (server.host,)

    def send(self, message: Message) -> str:
        """Hand the message to the server; returns its Message-ID, which is the same when it is sent again.

        RetryableError `mail_deferred`, `timeout`, `connection_reset`, `tls_error`; PermanentError
        `recipient_refused`, `sender_refused`, `mail_refused`, `login_refused`, `server_refused`,
        `starttls_missing`, `address_invalid`.
        """
        recipient = self._to or message.recipient
        if not is_address(recipient):
            what = f"{recipient[:80]!r} is no e-mail address in ASCII."
            raise PermanentError("address_invalid", what, "Write its domain as xn--..., and no quotes.")
        mail = composed(message, self._sender, recipient)
        with _told(self._server):
            hello = self._sender.rpartition("@")[2]
            line = Conversation(self._server, self._addresses, hello=hello, seconds=self.seconds)
            try:
                line.prepare()
                line.send_message(mail, self._sender, [recipient])
            finally:
                with suppress(smtplib.SMTPException, OSError):  # it has the message, or has said why not
                    line.quit()
                line.close()
        return str(mail["Message-ID"])


def guarded(box: Mailbox, addresses: Addresses) -> MailChannel:
    """The channel to a mailbox whose server people named: only where calls may go, and encrypted unless it is
    in a network that the operator opened.

    InvalidInput `ssrf_blocked`, `mail_not_encrypted`; RetryableError `dns_error`.
    """
    server = box.server
    try:
        found = addresses(server.host, server.port, server.secure == PLAIN)
    except InvalidInput as error:
        if error.code == "url_not_https":
            what = f"Mail to {server.host} would travel readable, its password too."
            hint = "Write mailtos://. Plain mail is for the networks that WEBHOOK_ALLOW_NETWORKS names."
            raise InvalidInput("mail_not_encrypted", what, hint, evidence={"host": server.host}) from None
        raise
    return MailChannel(server, box.sender, to=box.recipient, addresses=found)


def composed(message: Message, sender: str, recipient: str) -> EmailMessage:
    """The e-mail. Its title becomes one line whatever it holds, so that nobody adds a header by it."""
    mail = EmailMessage()
    mail["From"], mail["To"] = sender, recipient
    mail["Subject"] = _CONTROLS.sub(" ", message.title)
    if message.at is not None:
        mail["Date"] = format_datetime(message.at)
    mail["Message-ID"] = f"<{re.sub(r'[^A-Za-z0-9.-]', '.', message.key)}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence answers it
    mail.set_content(message.text, cte="quoted-printable")
    return mail


@contextmanager
def _told(server: Server) -> Iterator[None]:
    """Say in our words how it failed, without the words that were sent."""
    try:
        yield
    except smtplib.SMTPNotSupportedError as error:
        what = f"{server.host} does not offer what its address wants: {error}"
        raise PermanentError("starttls_missing", what, "Look at its settings, or at the port.") from None
    except (smtplib.SMTPException, OSError) as error:
        raise _meaning(server, error) from None


def _meaning(server: Server, error: Exception) -> PlatformError:
    where = f"{server.host}:{server.port}"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        [(status, reply)] = list(error.recipients.values())[:1]
        return _refusal(where, ("recipient_refused", "the recipient", "Look at the address."), status, reply)
    if isinstance(error, smtplib.SMTPResponseException):
        about = next(about for kind, about in _REFUSALS.items() if isinstance(error, kind))
        return _refusal(where, about, error.smtp_code, error.smtp_error)
    cause = error.__context__ if isinstance(error, smtplib.SMTPServerDisconnected) else error
    code, what, hint = "connection_reset", "hung up", "Look whether it runs, and at its log."
    if isinstance(cause, TimeoutError):
        code, what, hint = "timeout", "did not answer in time", "Look whether it is overloaded."
    elif isinstance(cause, ssl.SSLError):
        why = getattr(cause, "verify_message", "") or cause.reason or "the connection broke"
        code, what, hint = (
            "tls_error",
            f"is not spoken to securely: {why}",
            "Look at its certificate and port.",
        )
    elif isinstance(cause, OSError) and cause.strerror:
        what = f"cannot be spoken to: {cause.strerror}"
    return RetryableError(code, f"{where} {what}.", hint, evidence={"server": where})


def _refusal(where: str, about: tuple[str, str, str], code: int, reply: bytes | str) -> PlatformError:
    """RFC 5321 §4.2.1: 4yz may pass, 5yz will not."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    said = _CONTROLS.sub(" ", text)[:_REPLY_CHARACTERS].strip()
    evidence = {"server": where, "smtp_code": code, "reply": said}
    if 400 <= code < 500:
        what = f"{where} put {about[1]} off ({code} {said})."
        return RetryableError("mail_deferred", what, "It is tried again.", evidence=evidence)
    return PermanentError(
        about[0], f"{where} refused {about[1]} ({code} {said}).", about[2], evidence=evidence
    )
