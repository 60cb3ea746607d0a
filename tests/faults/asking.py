"""Asking for a deploy as a face would: the archive into the spool, then one command. Also run as a process
of its own, so that it may be killed: `python -m tests.faults.asking SLUG WORD` prints the deploy's id.
"""

import hashlib
import io
import sys
import zipfile

from app.commands.deploys import start_deploy
from app.commands.sites import create_site
from app.engine import faults, reading, recording
from app.engine.discovery import discover
from app.models import sites
from app.services.spool import open_spool
from app.signals.deploys import ArchiveSource, Trigger


def archive(word: str) -> bytes:
    """A small site in a zip, which says `word`."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as zipped:
        zipped.writestr("index.html", f"<h1>{word}</h1>")
        zipped.writestr("assets/app.js", "console.log(1)\n")
        zipped.writestr(f"{word}/page.html", "<p>same on every page</p>")
    return packed.getvalue()


def spooled(word: str) -> ArchiveSource:
    content = archive(word)
    with open_spool().create() as writer:
        writer.write(content)
        stored = writer.commit()
    assert stored.sha256 == hashlib.sha256(content).hexdigest()
    return ArchiveSource(
        key=stored.key, sha256=stored.sha256, size=stored.size, format="zip", files=3, bytes=60, warnings=()
    )


def make_site(slug: str) -> None:
    """Create the site unless it is there."""
    with recording("token:test") as log:
        if sites.by_slug(log.db, slug) is None:
            create_site(log, slug, slug)


def ask(slug: str, word: str) -> str:
    """Ask for a deploy of a site that says `word`; the deploy's id. The archive of "gone" is lost on the
    way.
    """
    source = spooled(word)
    if word == "gone":
        open_spool().remove(source.key)
    with recording("token:test") as log:
        return start_deploy(log, slug, source, Trigger(kind="api")).id


def live_word(slug: str) -> str | None:
    with reading() as db:
        site = sites.by_slug(db, slug)
    return site and site.live_cid


if __name__ == "__main__":
    discover("app.models", "tasks", "workflows")
    faults.install_from_environment()
    print(ask(sys.argv[1], sys.argv[2]))
