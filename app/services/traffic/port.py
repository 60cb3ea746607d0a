"""What the platform asks of the place where the gateway writes down what it served."""

from typing import NamedTuple, Protocol


class Answered(NamedTuple):
    """One request that was answered, or whose answer was cut off."""

    #: When it was over, in milliseconds since 1970 (UTC).
    at_ms: int
    #: The id of the site, "" for what belongs to none.
    site_id: str
    status: int
    #: How many bytes of the body went out.
    size: int


class Part(NamedTuple):
    """A part of an access file: whole lines, from the byte `start` up to `end`."""

    start: int
    end: int
    answered: list[Answered]
    #: How many lines say nothing.
    damaged: int
    #: Whether nothing follows and nothing ever will.
    finished: bool


class Journal(Protocol):
    """Where answers are written down."""

    def note(self, answered: Answered) -> None:
        """Write one down. It never raises, and never waits for anything but the kernel."""


class AccessFiles(Protocol):
    """What was written down, as files of lines that only grow."""

    def files(self) -> list[str]:
        """The names of the files, oldest first."""

    def read(self, file: str, start: int) -> Part | None:
        """The next lines of a file behind the byte `start`; None when there is no such file."""

    def remove(self, file: str) -> None:
        """Let a file go that is finished; harmless when it is gone."""
