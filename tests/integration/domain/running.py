"""The platform as its faces see it: how tests deploy, and how they look at what came of it."""

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.commands.deploys import Version, start_deploy
from app.content.archive import inspect
from app.engine import Event, log, reading, recording
from app.engine.tables import flows
from app.models import deploys, sites
from app.models.deploys import Deploy
from app.models.sites import Site
from app.services.spool import open_spool
from app.services.storage.memory import MemoryStorage
from app.signals.deploys import ArchiveSource, Finding, Trigger
from tests.fixtures.simulation import Simulation

SITE_A = {"index.html": b"<h1>hello</h1>\n", "assets/app.js": b"console.log(1)\n"}


def zip_of(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path), content)
    return packed.getvalue()


def spooled(archive: bytes) -> ArchiveSource:
    """What the upload endpoint makes of an archive."""
    with open_spool().create() as writer:
        writer.write(archive)
        kept = writer.commit()
    info = inspect(open_spool().path(kept.key))
    findings = tuple(Finding(code=x.code, message=x.message, hint=x.hint) for x in info.warnings)
    return ArchiveSource(
        key=kept.key,
        sha256=kept.sha256,
        size=kept.size,
        format=info.format,
        files=info.files,
        bytes=info.bytes,
        warnings=findings,
    )


@dataclass
class Platform:
    """The platform as its faces see it, with site `hello`."""

    simulation: Simulation
    storage: MemoryStorage
    drain: Callable[..., int]

    def ask(self, command: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with recording(actor="token:t1") as work:
            return command(work, *args, **kwargs)

    def start(self, files: Mapping[str, bytes] | bytes = SITE_A, version: Version | None = None) -> str:
        """Ask for a deploy; returns its id."""
        source = spooled(files if isinstance(files, bytes) else zip_of(files))
        with recording(actor="token:t1") as work:
            return start_deploy(work, "hello", source, Trigger(kind="api"), version).id

    def deploy(self, files: Mapping[str, bytes] = SITE_A) -> Deploy:
        """Deploy and let everything come to rest."""
        started = self.start(files)
        self.drain()
        return self.get(started)

    def get(self, deploy_id: str) -> Deploy:
        with reading() as db:
            return deploys.require(db, deploy_id)

    def site(self) -> Site:
        with reading() as db:
            return sites.require(db, "hello")

    def story(self, flow: str) -> list[Event]:
        with reading() as db:
            return log.read_flow(db, flow)

    def types(self, flow: str) -> list[str]:
        return [event.type for event in self.story(flow)]

    def newest(self, flow: str, type_: str) -> Event:
        """The last event of this type in a flow."""
        return [event for event in self.story(flow) if event.type == type_][-1]

    def flow(self, flow: str) -> tuple[str, str, int]:
        """A flow's kind, its state, and how many reactions it still waits for."""
        with reading() as db:
            row = db.execute(flows.select().where(flows.c.id == flow)).one()
        return row.kind, row.state, row.open
