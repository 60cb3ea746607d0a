"""Which host and path lead where: folders, listings, pages that are not there, hosts that are not ours."""

import pytest

from app.services.storage.memory import MemoryStorage
from tests.integration.gateway_site import SITE, World

REVALIDATE = "public, max-age=0, must-revalidate"
BARE = "localhost:8080"


@pytest.fixture
def world() -> World:
    world = World()
    world.deploy("hello", SITE, ["empty"])
    return world


@pytest.fixture
def root(world: World) -> str:
    return world.live["hello"]


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/docs", "/docs/"),
        ("/docs/deep?a=1&b=%20", "/docs/deep/?a=1&b=%20"),
        ("/caf%C3%A9", "/caf%C3%A9/"),
    ],
)
def test_a_folder_without_its_slash_redirects(world: World, root: str, path: str, location: str) -> None:
    for base, host in (("", "hello.localhost"), (f"/ipfs/{root}", BARE)):
        response = world.get(base + path, host)
        assert (response.status_code, response.headers["Location"]) == (301, base + location)
    assert world.get(f"/ipfs/{root}", BARE).headers["Location"] == f"/ipfs/{root}/"


def test_an_index_is_served_with_the_cid_of_its_folder(world: World, root: str) -> None:
    response = world.get("/docs/")
    assert response.data == SITE["docs/index.html"]
    assert response.headers["ETag"].strip('"') == response.headers["X-Ipfs-Roots"].split(",")[-1]
    assert world.get("/docs/index.html").headers["ETag"] != response.headers["ETag"]


def test_a_folder_without_index_is_listed(world: World, root: str) -> None:
    response = world.get(f"/ipfs/{root}/docs/deep/", BARE)
    assert response.status_code == 200
    assert 'href="./er/"' in response.text
    assert 'href="../"' in response.text
    assert response.headers["ETag"].startswith('"DirIndex-')
    assert "immutable" not in response.headers["Cache-Control"]
    etag = response.headers["ETag"]
    assert world.get(f"/ipfs/{root}/docs/deep/", BARE, headers={"If-None-Match": etag}).status_code == 304
    assert world.get("/docs/deep/").headers["Cache-Control"] == REVALIDATE
    assert world.get("/empty/").status_code == 200
    world.deploy("trap", {"index.html/x": b""})
    assert 'href="./index.html/"' in world.get("/", "trap.localhost").text


def test_a_listing_escapes_names_and_shows_sizes(world: World) -> None:
    names = ["<script>alert(1)</script>", "a\"b'c", "javascript:alert(1)", "a?b#c%20d", "caf\u00e9", "big"]
    world.deploy("odd", {name: b"x" * (2_500_000 if name == "big" else 12) for name in names})
    page = world.get("/", "odd.localhost").text
    assert "<script" not in page
    assert 'href="./%3Cscript%3Ealert(1)%3C/script%3E"' not in page
    assert 'href="./javascript:alert(1)"' in page
    assert 'href="./a%3Fb%23c%2520d"' in page
    assert "12 B" in page
    assert "2.5 MB" in page
    assert 'href="../"' not in page
    assert world.get("/caf%C3%A9", "odd.localhost").status_code == 200


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/nowhere", "404.html"),
        ("/assets/nowhere.js", "404.html"),
        ("/index.html/below", "404.html"),
        ("/index.html/", "404.html"),
        ("/docs/nowhere", "docs/404.html"),
        ("/docs/deep/er/no/such/page", "docs/404.html"),
    ],
)
def test_the_nearest_404_page_is_shown(world: World, root: str, path: str, page: str) -> None:
    for base, host in (("", "hello.localhost"), (f"/ipfs/{root}", BARE)):
        response = world.get(base + path, host, headers={"If-None-Match": "*", "Range": "bytes=0-1"})
        assert (response.status_code, response.data) == (404, SITE[page])
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert response.headers["Cache-Control"] == REVALIDATE
        assert "ETag" not in response.headers


def test_a_site_without_a_404_page_gets_ours(world: World) -> None:
    world.deploy("plain", {"index.html": b"x", "404.html/trap": b""})
    response = world.get("/a<b>/nowhere", "plain.localhost")
    assert response.status_code == 404
    assert "There is nothing at /a&lt;b&gt;/nowhere" in response.text


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/docs/../index.html",
        "/%2e%2e/index.html",
        "/..%2f..%2fetc/passwd",
        "/docs/./index.html",
        "//index.html",
        "//evil.example/",
        "/docs//index.html",
        "/index.html%00",
        "/%ff%fe",
        "/docs\\..\\index.html",
    ],
)
def test_paths_out_of_the_site_lead_nowhere(world: World, root: str, path: str) -> None:
    for base, host in (("", "hello.localhost"), (f"/ipfs/{root}", BARE)):
        response = world.client.open(base_url=f"http://{host}", environ_overrides=_environ(base + path))
        assert response.status_code == 404
        assert "Location" not in response.headers


def _environ(path: str) -> dict[str, str]:
    """As a server gives it: percent-decoded, nothing tidied up."""
    from urllib.parse import unquote_to_bytes

    return {"PATH_INFO": unquote_to_bytes(path).decode("latin-1")}


@pytest.mark.parametrize(
    "host",
    [
        "unknown.localhost",
        "a.hello.localhost",
        "hello.example.org",
        "hello-.localhost",
        "-.localhost",
        "hello.localhost.evil.example",
        "xhello.localhost",
    ],
)
def test_a_host_without_a_site_gets_a_friendly_page(world: World, root: str, host: str) -> None:
    for path in ("/", "/assets/app.js", f"/ipfs/{root}/", "/healthz"):
        response = world.get(path, host)
        assert response.status_code == 404
        assert "No site is live at" in response.text
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"


def test_the_bare_host_tells_what_it_is_and_that_it_is_well(world: World) -> None:
    assert "localhost" in world.get("/", BARE).text
    assert world.get("/healthz", BARE).json == {"status": "ok"}
    assert world.get("/healthz", "127.0.0.1:8080").status_code == 200
    for path in ("/nowhere", "/ipfs", "/ipfs/", "/ipfsx/y", "/index.html"):
        assert world.get(path, BARE).status_code == 404
    world.deploy("health", {"healthz": b"mine"})
    assert world.get("/healthz", "health.localhost").data == b"mine"


def test_a_path_that_is_no_cid_or_unknown_content_is_told_apart(world: World) -> None:
    response = world.get("/ipfs/notacid/index.html", BARE)
    assert (response.status_code, response.json["code"]) == (400, "cid_invalid")
    assert response.headers["Content-Type"] == "application/problem+json"
    unknown = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"
    assert world.get(f"/ipfs/{unknown}/", BARE).status_code == 404
    assert world.reports == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_content_can_only_be_read(world: World, method: str) -> None:
    for host in (BARE, "hello.localhost", "unknown.localhost"):
        response = world.get("/", host, method=method)
        assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD")


def test_sites_share_no_origin_and_shared_content_has_none(world: World, root: str) -> None:
    world.deploy("other", {"index.html": b"other"})
    assert world.get(f"/ipfs/{root}/", "other.localhost").status_code == 404
    assert "Content-Security-Policy" not in world.get("/").headers
    shared = world.get(f"/ipfs/{root}/", BARE).headers
    assert shared["Content-Security-Policy"].startswith("sandbox ")
    assert "allow-same-origin" not in shared["Content-Security-Policy"]
    assert shared["Access-Control-Allow-Origin"] == "*"
    assert "default-src 'none'" in world.get("/docs/deep/").headers["Content-Security-Policy"]
    assert "Set-Cookie" not in shared


def test_the_gateway_may_live_under_another_host() -> None:
    from werkzeug.test import Client

    from app.gateway.wsgi import create_gateway

    world = World()
    root = world.deploy("hello", {"index.html": b"here"}).root
    assert isinstance(world.storage, MemoryStorage)
    client = Client(create_gateway(world.storage, world.find, world.reports.append, "Sites.Example.Org"))
    assert client.get("/", base_url="https://hello.sites.example.org").data == b"here"
    assert client.get(f"/ipfs/{root}/", base_url="https://sites.example.org").data == b"here"
    assert client.get("/", base_url="https://hello.localhost").status_code == 404
