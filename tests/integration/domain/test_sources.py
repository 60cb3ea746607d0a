"""Archives of every format and shape on their way through a deploy."""

import io
import tarfile
from collections.abc import Iterable, Mapping
from random import Random

import pytest

from app.commands.deploys import Version
from app.engine import reading
from app.models.notifications import notifications
from app.services.storage.memory import MemoryStorage
from tasks import storage as storage_tasks
from tests.integration.domain.running import SITE_A, Platform, zip_of
from tests.integration.domain.test_deploy_flow import CID_A


def tar_of(files: Mapping[str, bytes], mode: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.mark.parametrize(
    "archive", [zip_of(SITE_A), tar_of(SITE_A, "w"), tar_of(SITE_A, "w:gz")], ids=["zip", "tar", "tar.gz"]
)
def test_the_same_files_have_the_same_name_in_any_format(platform: Platform, archive: bytes) -> None:
    started = platform.start(archive)
    platform.drain()
    assert (platform.get(started).status, platform.get(started).cid) == ("live", CID_A)


@pytest.mark.parametrize(
    ("files", "count", "size"),
    [
        ({"index.html": b""}, 1, 0),
        ({"index.html": b"x" * 1048576}, 1, 1048576),
        ({"index.html": b"x" * 1048577}, 1, 1048577),
        ({f"{n}.txt": b"same" for n in range(50)}, 50, 200),
        ({"deep/" * 30 + "page.html": b"down here"}, 1, 9),
        ({"índex ü 你好.html": b"names"}, 1, 5),
        ({".well-known/security.txt": b"dots"}, 1, 4),
    ],
    ids=["empty file", "one chunk", "a byte more", "the same 50 times", "deep", "unicode", "dot files"],
)
def test_files_of_every_shape_go_live(
    platform: Platform, files: dict[str, bytes], count: int, size: int
) -> None:
    deploy = platform.deploy(files)
    assert (deploy.status, deploy.files, deploy.bytes) == ("live", count, size)


def test_no_batch_is_larger_than_storage_likes_and_none_is_sent_twice(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[dict[str, bytes]] = []
    put = MemoryStorage.put

    def watch(storage: MemoryStorage, blocks: Iterable[tuple[str, bytes]]) -> None:
        batches.append(dict(blocks))
        put(storage, batches[-1].items())

    monkeypatch.setattr(MemoryStorage, "put", watch)
    monkeypatch.setattr(storage_tasks, "BATCH_BLOCKS", 20)
    monkeypatch.setattr(storage_tasks, "BATCH_BYTES", 3 << 20)
    platform.deploy(
        {f"{n}.html": str(n).encode() for n in range(70)} | {"big.bin": Random(1).randbytes(10 << 20)}
    )
    assert len(batches) > 5
    assert all(len(batch) <= 20 for batch in batches)
    assert all(sum(map(len, batch.values())) < (4 << 20) + 1 for batch in batches)
    assert sum(map(len, batches)) == len(platform.storage.blobs)


def test_the_sender_s_words_are_kept_and_shown(platform: Platform) -> None:
    started = platform.start(version=Version(ref="main", commit="c0ffee", message="New menu\n\nand more"))
    platform.drain()
    deploy = platform.get(started)
    assert (deploy.ref, deploy.commit, deploy.message) == ("main", "c0ffee", "New menu\n\nand more")
    with reading() as db:
        (line,) = db.execute(notifications.select()).all()
    assert (line.status, line.channel, line.deploy_id, line.failure) == ("sent", "log", started, None)
    assert "“New menu”" in line.text
    assert line.cause_event_id == deploy.last_event
