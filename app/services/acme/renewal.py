"""When to renew, as the authority says (RFC 9773): the certificate's name there, and what comes back."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from cryptography import x509

from app.services.acme.port import Window

#: Seconds to the next look where nothing, or nonsense, is said; and the bounds of what is (RFC 9773 §4.3).
CHECK, SOONEST, LATEST = 6 * 3600, 60, 24 * 3600


def certificate_id(chain: str) -> str:
    """The key identifier of its issuer and its serial number, in base64url with a dot between (§4.1)."""
    first = x509.load_pem_x509_certificates(chain.encode())[0]
    issuer = first.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    number = first.serial_number
    serial = number.to_bytes(number.bit_length() // 8 + 1, "big")  # as DER has it: never negative
    return f"{_encoded(issuer or b'')}.{_encoded(serial)}"


def window_of(said: dict[str, Any], retry_after: int | None) -> Window:
    """The window in what an authority said. ValueError, KeyError when it holds none."""
    start, end = (_moment(said["suggestedWindow"][name]) for name in ("start", "end"))
    if end <= start:
        raise ValueError("the window ends before it begins")
    check = CHECK if retry_after is None else min(max(retry_after, SOONEST), LATEST)
    return Window(start=start, end=end, check_s=check)


def seconds_of(header: str | None) -> int | None:
    """A `Retry-After` in seconds (RFC 9110 §10.2.3); None where it says nothing that can be read."""
    if header is None:
        return None
    if header.isascii() and header.isdigit():
        return int(header)
    try:
        return max(0, round((parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()))
    except (ValueError, TypeError):
        return None


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
