"""Access files in a local folder, one for each process that serves, so that no two ever mix their lines.

A line is one write to the kernel, so the death of a process loses none: only the machine's loses those that
the kernel had not brought to the disk. A writer holds a lock on its file, which ends with it however it ends:
so a reader knows that a file is finished.
"""

import fcntl
import os
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from threading import Lock
from typing import NamedTuple

import structlog

from app.services.traffic.lines import parse, spell
from app.services.traffic.port import Answered, Part

#: A file is followed by the next after so many bytes, or seconds.
MOST_BYTES, MOST_SECONDS = 16 * 1024 * 1024, 3600.0
#: Seconds between two looks whether the file is still there, and two tries where none can be written.
LOOK_AGAIN = 1.0
#: So much is read at once.
PART_BYTES = 256 * 1024

log = structlog.get_logger()


class _Open(NamedTuple):
    """The file that this process writes."""

    handle: int
    process: int
    since: float


class FolderTraffic:
    """A `Journal` and the `AccessFiles` of a folder, which is made with the first line."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES, part_bytes: int = PART_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._part_bytes = part_bytes
        self._lock = Lock()
        self._open: _Open | None = None
        self._written = 0
        self._look_at = self._retry_at = float("-inf")

    def note(self, answered: Answered) -> None:
        line = spell(answered)
        with self._lock:
            try:
                self._append(line)
            except OSError as error:
                self._close()
                self._retry_at = time.monotonic() + LOOK_AGAIN
                log.error("could not write down what was served", error=str(error))

    def files(self) -> list[str]:
        return sorted(path.name for path in self._folder.glob("*.log"))

    def read(self, file: str, start: int) -> Part | None:
        try:
            with (self._folder / file).open("rb") as source:
                ended = _is_left(source.fileno())  # asked first: what is there then is all there ever will be
                source.seek(start)
                data = source.read(self._part_bytes)
                at_end = len(data) < self._part_bytes
        except FileNotFoundError:
            return None
        cut = data.rfind(b"\n") + 1
        if (ended and at_end) or not (cut or at_end):  # half a line that nobody ends, or no line at all
            cut = len(data)
        lines = data[:cut].split(b"\n")
        found = [parse(line) for line in lines if line]
        answered = [each for each in found if each is not None]
        return Part(start, start + cut, answered, len(found) - len(answered), ended and at_end)

    def remove(self, file: str) -> None:
        (self._folder / file).unlink(missing_ok=True)

    def close(self) -> None:
        """Write nothing more into the present file; the next line begins another."""
        with self._lock:
            self._close()

    def _append(self, line: bytes) -> None:
        handle = self._writable()
        if handle is None:
            return
        self._written += len(line)
        if os.write(handle, line) != len(line):  # the disk is full, and what was begun is damaged
            self._close()

    def _close(self) -> None:
        if self._open is not None:
            with suppress(OSError):
                os.close(self._open.handle)
        self._open, self._written = None, 0

    def _writable(self) -> int | None:
        """The file to write into; None while none can be made."""
        now = time.monotonic()
        if self._open is not None:
            full = self._written >= self._most_bytes or now - self._open.since >= MOST_SECONDS
            if full or self._open.process != os.getpid() or self._is_gone(now):
                self._close()
        if self._open is None:
            if now < self._retry_at:
                return None
            self._open, self._look_at = _Open(self._begin(), os.getpid(), now), now + LOOK_AGAIN
        return self._open.handle

    def _is_gone(self, now: float) -> bool:
        if self._open is None or now < self._look_at:
            return False
        self._look_at = now + LOOK_AGAIN
        return os.fstat(self._open.handle).st_nlink == 0

    def _begin(self) -> int:
        """A new file, under its name only once it is locked: unlocked it would look like one left behind."""
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{token_hex(4)}"
        new = self._folder / f"{name}.new"
        handle = os.open(new, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        new.rename(new.with_suffix(".log"))
        return handle


def _is_left(handle: int) -> bool:
    """Whether nobody writes a file any more. Takes its lock until it is closed."""
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
