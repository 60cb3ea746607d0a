"""Our account at an authority: a key that is made once, and the URL that it was given. Files of mode 0600."""

from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from josepy.jwk import JWKEC

from config.secret import kept_secret, write_private


class AccountFile:
    """The account at one directory."""

    def __init__(self, folder: Path, directory: str) -> None:
        name = sha256(directory.encode()).hexdigest()[:16]
        self._key, self._url = folder / f"{name}.pem", folder / f"{name}.url"

    def key(self) -> JWKEC:
        """The key, the same for all processes."""
        return JWKEC(key=load_pem_private_key(kept_secret(self._key, _new_key).encode(), None))

    def url(self) -> str:
        """The account's URL; empty until it is known."""
        return self._url.read_text() if self._url.exists() else ""

    def note(self, url: str) -> None:
        """Remember the URL; empty: forget it, because the authority does not know it."""
        write_private(self._url, url)


def _new_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
