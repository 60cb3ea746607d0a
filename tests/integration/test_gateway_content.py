"""What the gateway serves: by host name and by CID, whole and in part, with what HTTP says about it."""

import tracemalloc
from pathlib import Path

import pytest

from app.content.cid import RAW, Cid
from app.content.reader import Reader
from app.services.storage.folder import FolderStorage
from tests.integration.gateway_site import SITE, World

IMMUTABLE = "public, max-age=29030400, immutable"
REVALIDATE = "public, max-age=0, must-revalidate"
BARE = "localhost:8080"


@pytest.fixture
def world() -> World:
    world = World()
    world.deploy("hello", SITE)
    return world


@pytest.fixture
def root(world: World) -> str:
    return world.live["hello"]


def raw(name: str) -> str:
    return str(Cid.of(SITE[name], RAW))


@pytest.mark.parametrize(
    "path", ["index.html", "assets/app.js", "empty.txt", "caf\u00e9/\u65e5\u672c \u8a9e.html", "large.bin"]
)
def test_every_file_comes_back_byte_for_byte_by_host_and_by_cid(world: World, root: str, path: str) -> None:
    for url, host in ((f"/{path}", "hello.localhost"), (f"/ipfs/{root}/{path}", BARE)):
        response = world.get(url, host)
        assert (response.status_code, response.data) == (200, SITE[path])
        assert response.headers["Content-Length"] == str(len(SITE[path]))
        assert response.headers["Accept-Ranges"] == "bytes"
        assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "host", ["hello.localhost", "hello.localhost:8080", "HELLO.localhost:1", "hello.localhost."]
)
def test_a_site_answers_under_its_host_name_on_any_port(world: World, root: str, host: str) -> None:
    response = world.get("/", host)
    assert (response.status_code, response.data) == (200, SITE["index.html"])
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["ETag"] == f'"{root}"'  # the folder's, for an index
    assert response.headers["Cache-Control"] == REVALIDATE
    assert response.headers["X-Ipfs-Path"] == f"/ipfs/{root}/"
    assert response.headers["X-Ipfs-Roots"] == root


@pytest.mark.parametrize("host", [BARE, "127.0.0.1:8080", "[::1]:8080", "192.0.2.7"])
def test_content_is_immutable_only_under_its_cid(world: World, root: str, host: str) -> None:
    response = world.get(f"/ipfs/{root}/docs/deep/er/page.html", host)
    assert response.data == b"<p>deep</p>"
    assert response.headers["Cache-Control"] == IMMUTABLE
    assert response.headers["ETag"] == f'"{raw("docs/deep/er/page.html")}"'
    assert response.headers["X-Ipfs-Path"] == f"/ipfs/{root}/docs/deep/er/page.html"
    roots = response.headers["X-Ipfs-Roots"].split(",")
    assert (len(roots), roots[0], roots[-1]) == (5, root, raw("docs/deep/er/page.html"))


def test_a_newer_deploy_is_served_at_once(world: World, root: str) -> None:
    world.deploy("hello", {"index.html": b"new"})
    assert world.get("/", headers={"If-None-Match": f'"{root}"'}).data == b"new"
    assert world.get(f"/ipfs/{root}/", BARE).data == SITE["index.html"]


@pytest.mark.parametrize("known", ['"{}"', 'W/"{}"', '"other", "{}"', '"other",W/"{}"', "*"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_browser_that_has_it_is_told_so(world: World, root: str, known: str, method: str) -> None:
    cases = [("/", root, "hello.localhost"), ("/assets/app.js", raw("assets/app.js"), "hello.localhost")]
    for path, etag, host in [*cases, (f"/ipfs/{root}/", root, BARE)]:
        response = world.get(path, host, method=method, headers={"If-None-Match": known.format(etag)})
        assert (response.status_code, response.data) == (304, b"")
        assert response.headers["ETag"] == f'"{etag}"'
        assert response.headers["Cache-Control"] == (IMMUTABLE if host == BARE else REVALIDATE)
    assert world.get("/", headers={"If-None-Match": '"other"'}).status_code == 200


LARGE = SITE["large.bin"]
SIZE = len(LARGE)


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-9", 0, 10),
        ("bytes=1048570-1048580", 1048570, 1048581),
        ("bytes=3145720-", 3145720, SIZE),
        ("bytes=-7", SIZE - 7, SIZE),
        (f"bytes=-{SIZE * 2}", 0, SIZE),
        (f"bytes=5-{SIZE * 2}", 5, SIZE),
        ("BYTES=0-4", 0, 5),
    ],
)
def test_a_part_of_a_file_can_be_asked_for(world: World, asked: str, start: int, stop: int) -> None:
    response = world.get("/large.bin", headers={"Range": asked})
    assert (response.status_code, response.data) == (206, LARGE[start:stop])
    assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert response.headers["Content-Length"] == str(stop - start)


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", "bytes=-0"])
def test_a_part_outside_of_the_file_is_416(world: World, asked: str) -> None:
    response = world.get("/large.bin", headers={"Range": asked})
    assert (response.status_code, response.data) == (416, b"")
    assert response.headers["Content-Range"] == f"bytes */{SIZE}"
    assert world.get("/empty.txt", headers={"Range": "bytes=0-"}).status_code == 416


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=0-1,5-6",
        "lines=0-5",
        "bytes=9-5",
        "bytes=-",
        "bytes=a-b",
        "0-5",
        f"bytes=0-{'9' * 50}",
        "bytes=²-",
    ],
)
def test_what_is_no_single_range_of_bytes_gets_the_whole(world: World, asked: str) -> None:
    environ = {"HTTP_RANGE": asked.encode().decode("latin-1")}
    response = world.get("/assets/app.js", environ_overrides=environ)
    assert (response.status_code, response.data) == (200, SITE["assets/app.js"])


def test_if_range_gives_the_part_only_of_the_same_content(world: World) -> None:
    etag = raw("assets/app.js")
    for condition, status in (
        (f'"{etag}"', 206),
        (f'W/"{etag}"', 200),
        ('"x"', 200),
        ("Sat, 01 Jan 2000 00:00:00 GMT", 200),
    ):
        headers = {"Range": "bytes=0-3", "If-Range": condition}
        assert world.get("/assets/app.js", headers=headers).status_code == status


@pytest.mark.parametrize("path", ["/", "/large.bin", "/docs", "/nowhere", "/empty.txt"])
def test_head_says_what_get_would_without_a_body(world: World, path: str) -> None:
    got, head = world.get(path), world.get(path, method="HEAD")
    assert (head.status_code, head.data) == (got.status_code, b"")
    assert dict(head.headers) == dict(got.headers)
    assert "Content-Range" not in world.get(path, method="HEAD", headers={"Range": "bytes=0-0"}).headers


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.html", b"", "text/html; charset=utf-8"),
        ("a.HTML", b"", "text/html; charset=utf-8"),
        ("a.css", b"", "text/css; charset=utf-8"),
        ("a.js", b"", "text/javascript; charset=utf-8"),
        ("a.mjs", b"", "text/javascript; charset=utf-8"),
        ("a.json", b"", "application/json"),
        ("a.js.map", b"", "application/json"),
        ("a.svg", b"", "image/svg+xml; charset=utf-8"),
        ("a.wasm", b"", "application/wasm"),
        ("a.webmanifest", b"", "application/manifest+json"),
        ("a.avif", b"", "image/avif"),
        ("a.webp", b"", "image/webp"),
        ("a.woff2", b"", "font/woff2"),
        ("a.png", b"", "image/png"),
        ("a.pdf", b"", "application/pdf"),
        ("a.mp4", b"", "video/mp4"),
        ("a.md", b"", "text/markdown; charset=utf-8"),
        ("feed.xml", b"", "application/xml; charset=utf-8"),
        ("a.tar.gz", b"", "application/gzip"),
        ("http:a.html", b"", "text/html; charset=utf-8"),
        ("LICENSE", b"words \xc3\xa9", "text/plain; charset=utf-8"),
        ("cut", b"\xc3\xa9" * 256 + b"x", "text/plain; charset=utf-8"),
        ("odd", b"x" + b"\xc3\xa9" * 400, "text/plain; charset=utf-8"),
        ("LICENSE", b"<script>", "text/plain; charset=utf-8"),
        ("data", b"\x00\x01", "application/octet-stream"),
        ("data", b"\xff\xfe", "application/octet-stream"),
        ("empty", b"", "text/plain; charset=utf-8"),
        ("a.unknown", b"\x89", "application/octet-stream"),
    ],
)
def test_content_types_come_from_names_and_are_safe_without(
    world: World, name: str, content: bytes, kind: str
) -> None:
    world.deploy("types", {name: content})
    for options in ({}, {"headers": {"Range": "bytes=0-0"}}, {"method": "HEAD"}):
        response = world.get(f"/{name}", "types.localhost", **options)
        assert response.status_code == 416 or response.headers["Content-Type"] == kind
        assert "Content-Encoding" not in response.headers


def test_a_file_named_by_its_own_cid_is_served(world: World) -> None:
    response = world.get(f"/ipfs/{raw('assets/app.js')}", BARE)
    assert (response.status_code, response.data) == (200, SITE["assets/app.js"])
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert world.get(f"/ipfs/{raw('assets/app.js')}/", BARE).status_code == 404


def test_version_0_and_1_of_a_cid_name_the_same_content(world: World, root: str) -> None:
    old = str(Cid.parse(root).to_v0())
    response = world.get(f"/ipfs/{old}/assets/app.js", BARE)
    assert response.data == SITE["assets/app.js"]
    assert response.headers["X-Ipfs-Path"] == f"/ipfs/{old}/assets/app.js"


def test_a_large_file_streams_from_a_folder_a_block_at_a_time(tmp_path: Path) -> None:
    world = World(FolderStorage(tmp_path / "blobs"))
    size = 64 << 20
    world.deploy("hello", {"index.html": b"", "video.mp4": bytes(size)})
    tracemalloc.start()
    try:
        response = world.get("/video.mp4", buffered=False)
        total = sum(len(piece) for piece in response.iter_encoded())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == size
    assert peak < 6 << 20


def test_a_part_of_a_large_file_reads_only_its_blocks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    get = world.storage.get
    monkeypatch.setattr(world.storage, "get", lambda digest: read.append(digest) or get(digest))
    assert world.get("/large.bin", headers={"Range": "bytes=-7"}).data == b"the end"
    leaves = {Cid.of(LARGE[at : at + (1 << 20)], RAW).key for at in range(0, SIZE, 1 << 20)}
    assert leaves & set(read) == {Cid.of(b"the end", RAW).key}


def test_a_folder_of_thousands_of_files_is_found_and_listed(world: World) -> None:
    world.deploy("many", {f"all/page-{n:04d}-{'x' * 40}.html": b"%d" % n for n in range(4000)})
    root = Cid.parse(world.live["many"])
    folder = Reader(lambda cid: world.storage.get(cid.key)).child(root, b"all")
    assert folder
    assert world.get(f"/all/page-1234-{'x' * 40}.html", "many.localhost").data == b"1234"
    listing = world.get("/all/", "many.localhost").text
    assert listing.index("page-0000") < listing.index("page-3999")
    assert listing.count("<tr>") == 4001
