"""Signatures of webhooks by Standard Webhooks 1.0: `v1` (HMAC-SHA256) and `v1a` (ed25519).

Which of them is made follows from the secret's prefix, so that a listener changes over by a rotation.
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import datetime
from secrets import token_bytes

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.errors import InvalidInput

SHARED = "whsec_"
PRIVATE = "whsk_"
PUBLIC = "whpk_"

_MADE_BYTES = 32
_SHARED_BYTES = range(24, 65)
_SEED_BYTES = 32


def new_secret() -> str:
    """A random secret that sender and receiver share, `whsec_...`."""
    return SHARED + b64encode(token_bytes(_MADE_BYTES)).decode()


def new_private_key() -> str:
    """A random ed25519 key that stays here, `whsk_...`; receivers get its `public_key`."""
    return PRIVATE + b64encode(token_bytes(_SEED_BYTES)).decode()


def public_key(private_key: str) -> str:
    """What receivers check signatures of a `whsk_...` key with, `whpk_...`."""
    return PUBLIC + b64encode(_signer(private_key).public_key().public_bytes_raw()).decode()


def check_secret(secret: str) -> None:
    """InvalidInput `secret_invalid` unless it is `whsec_` and 24 to 64 bytes or `whsk_` and 32, in base64."""
    _signature(secret, b"")


def signed(event_id: str, at: datetime, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """The three headers of a call: `at` is when this attempt is made, the id is the event's in all of them.

    One signature for each secret, the newest first: while a rotation overlaps, receivers take any they know.
    """
    if not event_id or "." in event_id:  # ids without dots cannot pass a part of the body off as the time
        raise InvalidInput("event_id_invalid", f"{event_id[:80]!r} cannot be signed as an id.", "")
    timestamp = str(int(at.timestamp()))
    content = f"{event_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(secret, content) for secret in secrets),
    }


def _signature(secret: str, content: bytes) -> str:
    if secret.startswith(PRIVATE):
        return "v1a," + b64encode(_signer(secret).sign(content)).decode()
    key = _bytes(secret, SHARED)
    if len(key) not in _SHARED_BYTES:
        raise _invalid()
    return "v1," + b64encode(hmac.digest(key, content, "sha256")).decode()


def _signer(private_key: str) -> Ed25519PrivateKey:
    seed = _bytes(private_key, PRIVATE)
    if len(seed) != _SEED_BYTES:
        raise _invalid()
    return Ed25519PrivateKey.from_private_bytes(seed)


def _bytes(secret: str, prefix: str) -> bytes:
    text = secret.removeprefix(prefix)
    if text == secret:
        raise _invalid()
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise _invalid() from None


def _invalid() -> InvalidInput:
    hint = f"Write {SHARED} and 24 to 64 random bytes in base64, or {PRIVATE} and an ed25519 key's 32."
    return InvalidInput("secret_invalid", "This is no secret for webhooks.", hint)
