"""The files: `<host>/privkey.pem` and `<host>/fullchain.pem` for the proxy in front, changed in one act.

`<host>` is a link to where a pair lies, so that nobody ever finds a key beside the chain of another. What is
being ordered lies apart until it is whole, and survives the death of any process.
"""

import os
import shutil
from pathlib import Path

from app.errors import PermanentError
from app.services.certs.chain import Certificate, checked_chain, new_key, read_chain, request_for
from config.secret import kept_secret, write_private

KEY, CHAIN, ORDER = "privkey.pem", "fullchain.pem", "order"


class CertFolder:
    """The certificates in a folder, by host name in ASCII. All files have mode 0600."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def at(self, host: str) -> Path:
        """Where a proxy finds the pair of a host name."""
        return self._folder / host

    def request(self, host: str) -> bytes:
        """A signing request for the host name; its key is made once, and kept until it is installed."""
        return request_for([host], kept_secret(self._next(host) / KEY, new_key))

    def order(self, host: str) -> str:
        """The order that was noted; empty when there is none."""
        file = self._next(host) / ORDER
        return file.read_text() if file.exists() else ""

    def note_order(self, host: str, order: str) -> None:
        """Remember an order, which can be gone on with whoever dies meanwhile."""
        write_private(self._next(host) / ORDER, order)

    def keep(self, host: str, chain: str) -> Certificate:
        """Keep a chain beside the key that it was ordered with. PermanentError `certificate_unfit`, or
        `certificate_files_lost` when somebody has taken the key away.
        """
        key = self._next(host) / KEY
        if not key.exists():
            raise _lost(host)
        try:
            found = checked_chain(chain, key.read_text(), [host])
        except PermanentError:
            shutil.rmtree(self._next(host), ignore_errors=True)
            raise
        write_private(self._next(host) / CHAIN, chain)
        return found

    def install(self, host: str, serial: str) -> None:
        """Let the proxy find what was kept, and forget what it found before. Twice is harmless."""
        draft, kept = self._next(host), self._kept(host) / serial
        chain = draft / CHAIN
        if chain.exists() and read_chain(chain.read_text()).serial == serial and not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            (draft / ORDER).unlink(missing_ok=True)
            draft.rename(kept)
        if not kept.exists():
            raise _lost(host)
        link = self._folder / f".link-{host}"
        link.unlink(missing_ok=True)
        link.symlink_to(kept.relative_to(self._folder))
        os.replace(link, self.at(host))
        for other in self._kept(host).iterdir():
            if other != kept:
                shutil.rmtree(other, ignore_errors=True)

    def chain(self, host: str) -> str | None:
        """The chain that is installed."""
        file = self.at(host) / CHAIN
        return file.read_text() if file.exists() else None

    def remove(self, host: str) -> bool:
        """Remove everything of a host name; whether there was something installed."""
        was = self.at(host).is_symlink()
        self.at(host).unlink(missing_ok=True)
        for folder in (self._kept(host), self._next(host)):
            shutil.rmtree(folder, ignore_errors=True)
        return was

    def _next(self, host: str) -> Path:
        return self._folder / ".next" / host

    def _kept(self, host: str) -> Path:
        return self._folder / ".kept" / host


def _lost(host: str) -> PermanentError:
    return PermanentError(
        "certificate_files_lost",
        f"The key that the certificate of {host} was ordered with is gone from the home folder.",
        "It is ordered anew. All processes need the same ANTIPHON_HOME.",
    )
