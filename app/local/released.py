"""Whether the release was done for this very database by these very migrations: then a start skips it.

A second start saves two seconds this way. A wrong yes does no harm: what does not come up then is released.
"""

import hashlib
from pathlib import Path

from config.settings import Settings

MIGRATIONS = Path("migrations")


class Released:
    """A mark in the home folder, of one database and one set of migrations."""

    def __init__(self, settings: Settings, root: Path) -> None:
        home = settings.antiphon_home
        self._mark = home / "released"
        self._needed = [home / "admin-token"]
        if settings.database_url.startswith("sqlite:///"):
            self._needed.append(Path(settings.database_url.removeprefix("sqlite:///")))
        sources = sorted((root / MIGRATIONS).rglob("*.py"))
        texts = [settings.database_url.encode(), *(source.read_bytes() for source in sources)]
        self._sum = hashlib.sha256(b"\0".join(texts)).hexdigest()

    def __bool__(self) -> bool:
        return (
            all(file.exists() for file in self._needed)
            and self._mark.exists()
            and self._mark.read_text() == self._sum
        )

    def remember(self) -> None:
        """The release has just succeeded."""
        self._mark.write_text(self._sum)
