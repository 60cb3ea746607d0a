"""The bytes of a tar, in order: headers are read exactly, the content of a member as it is wanted."""

from app.content.files import Source
from app.content.members import MIB, readable, truncated

BLOCK = 512


class TarStream:
    """The bytes of a tar in order, read exactly or not at all."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.at = 0

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; empty only at the end."""
        piece = self._source.read(size)
        self.at += len(piece)
        return piece

    def exact(self, size: int, where: str) -> bytes:
        """`size` bytes; InvalidInput `archive_truncated` when there are fewer."""
        pieces = []
        while size:
            piece = self.read(min(size, MIB))
            if not piece:
                raise truncated(where)
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)


class TarPart:
    """The content of one member; readable once, until the next member is asked for."""

    def __init__(self, stream: TarStream, size: int, name: bytes) -> None:
        self._stream = stream
        self._left = size
        self._padding = -size % BLOCK
        self._name = name

    def read(self, size: int, /) -> bytes:
        piece = self._stream.read(min(size, self._left))
        self._left -= len(piece)
        if not piece and self._left and size:
            raise truncated(f"inside {readable(self._name)}")
        return piece

    def close(self) -> None:
        """Nothing to let go of: the stream is shared."""

    def skip(self) -> None:
        """Go to the next header."""
        while self.read(MIB):
            pass
        self._stream.exact(self._padding, f"after {readable(self._name)}")
