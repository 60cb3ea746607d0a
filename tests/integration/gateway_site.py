"""A small world behind a gateway: storage with a few sites, and a browser for it."""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from werkzeug.test import Client, TestResponse

from app.content.cid import Cid
from app.content.importer import Imported, import_tree
from app.gateway.blocks import IntegrityProblem
from app.gateway.wsgi import Live, create_gateway
from app.services.storage.memory import MemoryStorage
from app.services.storage.port import Storage

SITE = {
    "index.html": b"<h1>hello</h1>\n",
    "assets/app.js": b"console.log(1)\n",
    "docs/index.html": b"<h1>docs</h1>",
    "docs/404.html": b"<h1>no such page of the docs</h1>",
    "docs/deep/er/page.html": b"<p>deep</p>",
    "404.html": b"<h1>not in this site</h1>",
    "empty.txt": b"",
    "caf\u00e9/\u65e5\u672c \u8a9e.html": b"<p>unicode</p>",
    "large.bin": b"".join(bytes([n]) * (1 << 20) for n in range(3)) + b"the end",
}


@dataclass
class World:
    """The gateway with `storage` behind it; `reports` is what it told of broken blocks."""

    storage: Storage = field(default_factory=MemoryStorage)
    live: dict[str, str] = field(default_factory=dict)
    reports: list[IntegrityProblem] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = Client(create_gateway(self.storage, self.find, self.reports.append))

    def find(self, slug: str) -> Live | None:
        """What the gateway asks of the database."""
        return Live(slug, self.live[slug]) if slug in self.live else None

    def deploy(self, slug: str, files: Mapping[str, bytes], folders: Iterable[str] = ()) -> Imported:
        """Make these files the live deploy of a site."""
        entries = [(name, lambda content=content: io.BytesIO(content)) for name, content in files.items()]
        imported = import_tree(
            [*entries, *((folder, None) for folder in folders)],
            lambda cid, block: self.storage.put([(cid.key, block)]),
        )
        self.live[slug] = str(imported.root)
        return imported

    def get(self, path: str, host: str = "hello.localhost:8080", **options: object) -> TestResponse:
        """What a browser gets; `method` and `headers` as for werkzeug's client."""
        return self.client.open(path, base_url=f"http://{host}", **options)

    def without(self, cid: Cid) -> None:
        """Remove a block behind the platform's back."""
        assert isinstance(self.storage, MemoryStorage)
        del self.storage.blobs[cid.key]

    def damaged(self, cid: Cid) -> None:
        """Change a block behind the platform's back."""
        assert isinstance(self.storage, MemoryStorage)
        self.storage.blobs[cid.key] = b"x" + self.storage.blobs[cid.key][1:]
