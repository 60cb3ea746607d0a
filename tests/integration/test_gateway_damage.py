"""Storage that lost or changed blocks behind the platform's back: nothing wrong is ever served as right."""

import io

import pytest

from app.content import dagpb, unixfs
from app.content.cid import DAG_PB, RAW, Cid
from app.content.importer import import_file
from app.errors import PermanentError, RetryableError
from tests.integration.gateway_site import SITE, World

LARGE = SITE["large.bin"]
LEAVES = [Cid.of(LARGE[at : at + (1 << 20)], RAW) for at in range(0, len(LARGE), 1 << 20)]
FILE = import_file(io.BytesIO(LARGE)).cid
APP = Cid.of(SITE["assets/app.js"], RAW)


@pytest.fixture
def world() -> World:
    world = World()
    world.deploy("hello", SITE)
    return world


def broken(world: World, path: str, code: str, cid: Cid, **options: object) -> None:
    """The request fails before its headers, with a typed problem and one report."""
    world.reports.clear()
    response = world.get(path, **options)
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    assert "ETag" not in response.headers
    if options.get("method") != "HEAD":
        assert response.json["code"] == code
        assert set(response.json) == {"type", "title", "status", "detail", "code", "hint", "request_id"}
    (report,) = world.reports
    assert (report.cid, report.digest, report.code) == (str(cid), cid.key, code)
    assert report.evidence["expected"] == cid.key
    assert (report.site, report.hint != "") == ("hello", True)
    assert report.path.startswith(f"/ipfs/{world.live['hello']}/")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_removed_block_is_a_typed_problem_and_reported(world: World, method: str) -> None:
    world.without(APP)
    broken(world, "/assets/app.js", "blob_missing", APP, method=method)
    assert world.get("/").status_code == 200


def test_a_changed_block_is_a_typed_problem_and_reported(world: World) -> None:
    world.damaged(APP)
    broken(world, "/assets/app.js", "blob_hash_mismatch", APP)


def test_what_a_browser_has_already_needs_no_block(world: World) -> None:
    world.without(APP)
    assert world.get("/assets/app.js", headers={"If-None-Match": f'"{APP}"'}).status_code == 304


@pytest.mark.parametrize("cid", [FILE, LEAVES[0], LEAVES[1], LEAVES[-1]])
def test_a_missing_part_of_a_large_file_is_noticed_before_the_headers(world: World, cid: Cid) -> None:
    world.without(cid)
    broken(world, "/large.bin", "blob_missing", cid)


def test_a_missing_part_does_not_hurt_ranges_without_it(world: World) -> None:
    world.without(LEAVES[1])
    assert world.get("/large.bin", headers={"Range": "bytes=-7"}).data == b"the end"
    broken(world, "/large.bin", "blob_missing", LEAVES[1], headers={"Range": "bytes=1048576-1048577"})


def test_a_changed_part_met_while_streaming_ends_the_connection(world: World) -> None:
    world.damaged(LEAVES[2])
    response = world.get("/large.bin", buffered=False)
    assert response.status_code == 200
    pieces = response.iter_encoded()
    assert [next(pieces), next(pieces)] == [LARGE[: 1 << 20], LARGE[1 << 20 : 2 << 20]]
    assert world.reports == []
    with pytest.raises(PermanentError, match="another digest"):
        next(pieces)
    assert [report.cid for report in world.reports] == [str(LEAVES[2])]


def test_a_lost_root_or_folder_is_reported_on_the_sites_host(world: World) -> None:
    root = Cid.parse(world.live["hello"])
    docs = Cid.parse(world.get("/docs/").headers["X-Ipfs-Roots"].split(",")[1])
    world.without(docs)
    broken(world, "/docs/", "blob_missing", docs)
    broken(world, "/docs/nowhere", "blob_missing", docs)
    world.without(root)
    broken(world, "/", "blob_missing", root)


def test_a_lost_404_page_is_not_taken_for_a_missing_one(world: World) -> None:
    page = Cid.of(SITE["404.html"], RAW)
    world.without(page)
    broken(world, "/nowhere", "blob_missing", page)


def test_a_lost_part_of_a_listing_is_noticed_before_the_headers(world: World) -> None:
    world.deploy("hello", {"folder/x": b"1", "file": b"2"})
    folder = Cid.parse(world.get("/folder/x").headers["X-Ipfs-Roots"].split(",")[1])
    world.without(folder)
    broken(world, "/", "blob_missing", folder)


def test_content_under_its_cid_reports_without_a_site(world: World) -> None:
    world.without(APP)
    root = world.live["hello"]
    assert world.get(f"/ipfs/{root}/assets/app.js", "localhost").status_code == 500
    assert [(report.site, report.path) for report in world.reports] == [(None, f"/ipfs/{root}/assets/app.js")]


def test_a_storage_that_is_away_is_no_damage(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*asked: object) -> bytes:
        raise RetryableError("backend_unavailable", "The storage folder cannot be used.", "Look at it.")

    monkeypatch.setattr(world.storage, "get", away)
    monkeypatch.setattr(world.storage, "missing", away)
    for path, host in (("/", "hello.localhost"), (f"/ipfs/{APP}", "localhost")):
        response = world.get(path, host)
        assert (response.status_code, response.json["code"]) == (503, "backend_unavailable")
        assert response.headers["Retry-After"] == "5"
    assert world.reports == []


def test_crafted_blocks_are_refused_and_reported_as_nothing(world: World) -> None:
    """Any file is a block, so anybody who may deploy can make the gateway read any bytes as a tree."""
    folder = dagpb.encode([dagpb.Link(APP, b"..", 1), dagpb.Link(APP, b"a/b", 1)], unixfs.FOLDER)
    liar = dagpb.encode([dagpb.Link(APP, b"", 15)], unixfs.parent([1 << 60]))
    world.deploy("evil", {"folder": folder, "liar": liar, "noise": b"\xff\xff"})
    for block, status in ((folder, 200), (liar, 500), (b"\xff\xff", 500)):
        response = world.get(
            f"/ipfs/{Cid.of(block, DAG_PB)}/"[: None if block == folder else -1], "localhost"
        )
        assert response.status_code == status
    assert 'href="./a%2Fb"' in world.get(f"/ipfs/{Cid.of(folder, DAG_PB)}/", "localhost").text
    assert world.reports == []
