"""How much of an answer went out: counted as the server takes it, told when the server lets it go."""

from collections.abc import Callable, Iterable, Iterator


class Counted:
    """The pieces of an answer's body. A piece counts once the server asks for what follows it: it has given
    the one before to the kernel by then. So of a visitor who hangs up, the last piece is not counted.
    """

    def __init__(self, pieces: Iterable[bytes], done: Callable[[int], None]) -> None:
        self._pieces = pieces
        self._next = iter(pieces).__next__
        self._done = done
        self._size = self._given = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self._size += self._given
        self._given = 0
        piece = self._next()
        self._given = len(piece)
        return piece

    def close(self) -> None:
        """The server is done with it, whether it took all of it or not (PEP 3333)."""
        try:
            if close := getattr(self._pieces, "close", None):
                close()
        finally:
            self._done(self._size)
