"""The door for names: which paths of an archive may become paths of a site, and which of them collide.

A site has to mean the same on every disk and in every browser: names are UTF-8 and differ in more than case.
"""

import re
import unicodedata

from app.content.members import readable
from app.errors import InvalidInput, TooLarge

LONGEST = 1024
_FROM_INSIDE = "Make the archive from inside the folder to deploy."
_DRIVE = re.compile(r"[A-Za-z]:/")


class Paths:
    """The paths admitted so far; folders are counted like files, because they can be as many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: dict[str, str] = {}
        self._files: set[str] = set()
        self._folders: set[str] = {""}
        #: the first names of all paths
        self.top: set[str] = set()
        #: how many members belonged to a `.git` folder
        self.left_out = 0

    @property
    def files(self) -> int:
        """How many files were admitted."""
        return len(self._files)

    def admit(self, raw: bytes, folder: bool) -> str | None:
        """The path inside the site; None for what is left out (`.git` and the root itself).

        InvalidInput `path_encoding`, `path_illegal` or `path_collision`; TooLarge `too_many_files`.
        """
        path = _decoded(raw)
        while path.startswith("./"):
            path = path[2:]
        if folder and path in ("", "."):
            return None
        absolute = path.startswith("/") or _DRIVE.match(path)
        path = path.removesuffix("/") if folder else path
        _check(raw, path, bool(absolute))
        if ".git" in path.split("/"):
            self.left_out += 1
            return None
        self._open_folders(path if folder else path.rpartition("/")[0])
        if not folder:
            self._add_file(path)
        self.top.add(path.partition("/")[0])
        return path

    def has_file(self, path: str) -> bool:
        """Whether a file was admitted under exactly this path."""
        return path in self._files

    def _add_file(self, path: str) -> None:
        if path in self._files:
            raise _collision(path, path, "is in the archive twice", "Keep one of them.")
        self._claim(path, self._folders)
        self._files.add(path)
        self._count(len(self._files), "files")

    def _open_folders(self, path: str) -> None:
        while path not in self._folders:
            self._claim(path, self._files)
            self._folders.add(path)
            self._count(len(self._folders) - 1, "folders")
            path = path.rpartition("/")[0]

    def _claim(self, path: str, others: set[str]) -> None:
        other = self._seen.setdefault(_folded(path), path)
        if other != path:
            what = f"and “{other}” differ only in upper and lower case or in how accents are written"
            raise _collision(path, other, what, "Some disks cannot tell them apart. Rename one of them.")
        if path in others:
            raise _collision(path, path, "is a file and a folder at once", "Rename one of them.")

    def _count(self, found: int, what: str) -> None:
        if found > self._most:
            raise TooLarge(
                "too_many_files",
                f"The archive holds more than {self._most:,} {what}.",
                "Deploy fewer, or raise MAX_SITE_FILES.",
                evidence={"limit": self._most},
            )


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidInput(
            "path_encoding",
            f"The name {readable(raw)} is not UTF-8.",
            "Rename the file, or make the archive with a tool that writes UTF-8 names.",
        ) from None


def _folded(path: str) -> str:
    """Equal for paths that some file system takes for the same (Unicode caseless match)."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())


def _check(raw: bytes, path: str, absolute: bool) -> None:
    segments = path.split("/")
    if len(raw) > LONGEST:
        what, hint = f"is longer than {LONGEST:,} bytes", "Shorten it."
    elif "\0" in path:
        what, hint = "holds a NUL byte", "Rename the file."
    elif "\\" in path:
        what, hint = "holds a backslash", "Make the archive with a tool that writes “/” between folders."
    elif absolute:
        what, hint = "is an absolute path", _FROM_INSIDE
    elif ".." in segments:
        what, hint = "leads out of the archive with “..”", _FROM_INSIDE
    elif "" in segments or "." in segments:
        what, hint = "has an empty name or “.” in it", _FROM_INSIDE
    else:
        return
    raise InvalidInput("path_illegal", f"The path {readable(raw)} {what}.", hint)


def _collision(path: str, other: str, what: str, hint: str) -> InvalidInput:
    return InvalidInput("path_collision", f"“{path}” {what}.", hint, evidence={"paths": [other, path]})
