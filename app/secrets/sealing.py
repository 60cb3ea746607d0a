"""Secrets at rest: encrypted (AES-256-GCM) with a key that follows from SECRET_KEY.

A token is `1.<which key>.<nonce and ciphertext>`: it says in which form and under which key it was made, so
that a changed SECRET_KEY is told from a damaged token.
"""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.errors import PermanentError
from config.settings import get_settings

_FORM = "1"
_NONCE_BYTES = 12


def seal(secret: str, owner: str) -> str:
    """The secret as a token that may be stored. It opens for the same `owner` only: the row it belongs to."""
    cipher, name = _key(get_settings().secret_key)
    nonce = os.urandom(_NONCE_BYTES)
    sealed = cipher.encrypt(nonce, secret.encode(), _bound(owner))
    return f"{_FORM}.{name}.{urlsafe_b64encode(nonce + sealed).decode()}"


def unseal(token: str, owner: str) -> str:
    """The secret in a token. PermanentError `secret_unreadable` (another SECRET_KEY) or `secret_damaged`."""
    cipher, name = _key(get_settings().secret_key)
    form, _, rest = token.partition(".")
    made_with, _, text = rest.partition(".")
    if form == _FORM and text and made_with != name:
        raise PermanentError(
            "secret_unreadable",
            f"The secret of {owner} cannot be read with this SECRET_KEY; it was stored under another one.",
            "Give every process the SECRET_KEY of that time, or make a new secret.",
            evidence={"owner": owner},
        )
    try:
        if form != _FORM:
            raise ValueError("another form")
        sealed = urlsafe_b64decode(text)
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound(owner)).decode()
    except (InvalidTag, ValueError) as error:
        raise PermanentError(
            "secret_damaged",
            f"What is stored as the secret of {owner} is not what was stored once.",
            "It was changed, or put into another row. Make a new secret.",
            evidence={"owner": owner},
        ) from error


def _bound(owner: str) -> bytes:
    return f"{_FORM}.{owner}".encode()


@lru_cache(maxsize=4)
def _key(secret_key: str) -> tuple[AESGCM, str]:
    """The cipher, and 32 bits by which its key is known: neither tells anything of SECRET_KEY."""
    return AESGCM(_derived(secret_key, b"key", 32)), _derived(secret_key, b"name", 4).hex()


def _derived(secret_key: str, what: bytes, length: int) -> bytes:
    info = b"antiphon secrets at rest, " + what
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(secret_key.encode())
