"""What only deleted sites had leaves the node; what another site has stays, whenever it came to have it."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from app.commands.deploys import start_deploy
from app.commands.sites import create_site, delete_site
from app.content.cid import Cid
from app.engine import Event, recording
from app.engine.rebuild import verify
from app.errors import RetryableError
from app.models.deploys import Deploy
from app.signals.deploys import Trigger
from tasks import pins, storage
from tests.fixtures.api import recorded
from tests.fixtures.working_off import work as work
from tests.integration.domain.running import Platform, spooled, zip_of
from tests.integration.domain.test_pinning import Node, UseNode

FILES = {"index.html": b"what is shared"}
OWN = {"index.html": b"of hello alone"}


@pytest.fixture
def use_node(monkeypatch: pytest.MonkeyPatch) -> UseNode:
    def use(node: object) -> None:
        for module in (storage, pins):
            monkeypatch.setattr(module, "open_ipfs", lambda: node)

    return use


def deploy_to(
    platform: Platform,
    slug: str,
    files: dict[str, bytes],
    work_off: Callable[[], None] | None = None,
) -> Deploy:
    with recording(actor="token:t1") as log:
        made = start_deploy(log, slug, spooled(zip_of(files)), Trigger(kind="api")).id
    (work_off or platform.drain)()
    return platform.get(made)


def unpinned() -> list[Event]:
    return recorded("storage.pin.unpinned")


def test_a_deleted_sites_content_leaves_the_node_but_for_what_another_site_has(
    platform: Platform, use_node: UseNode
) -> None:
    node = Node()
    use_node(node)
    platform.ask(create_site, "other")
    shared, own = deploy_to(platform, "hello", FILES), deploy_to(platform, "hello", OWN)
    deploy_to(platform, "other", FILES)
    live = deploy_to(
        platform, "other", {"index.html": b"other"}
    )  # so that it may only go back to what is shared
    assert set(node.kept) == {shared.cid, own.cid, live.cid}
    platform.ask(delete_site, "hello")
    platform.drain()
    assert set(node.kept) == {shared.cid, live.cid}
    assert {each.data["cid"]: each.data["kept"] for each in unpinned()} == {own.cid: "", shared.cid: "shared"}
    platform.ask(delete_site, "other")
    platform.drain()
    assert node.kept == {}
    assert not verify()


def test_what_another_site_publishes_in_this_moment_is_kept(
    platform: Platform, use_node: UseNode, work: Callable[[], None]
) -> None:
    class Racing(Node):
        race = True

        def unpin(self, root: Cid) -> bool:
            if self.race:
                self.race = False
                deploy_to(platform, "other", FILES, work)
            return super().unpin(root)

    node = Racing()
    use_node(node)
    platform.ask(create_site, "other")
    shared = deploy_to(platform, "hello", FILES)
    platform.ask(delete_site, "hello")
    platform.drain()
    assert set(node.kept) == {shared.cid}
    assert [each.data["kept"] for each in unpinned()] == ["shared"]


def test_a_node_that_is_away_is_asked_again_for_as_long_as_it_takes(
    platform: Platform, use_node: UseNode
) -> None:
    class Away(Node):
        tries = 0

        def unpin(self, root: Cid) -> bool:
            self.tries += 1
            if self.tries <= 7:
                raise RetryableError("ipfs_unavailable", "It is down.", "Start it.")
            return super().unpin(root)

    node = Away()
    use_node(node)
    deploy_to(platform, "hello", FILES)
    platform.ask(delete_site, "hello")
    platform.drain()
    assert node.kept == {}
    failed = recorded("storage.unpin.failed")
    assert [each.data["again"] for each in failed] == [False, True]
    assert not verify()


@pytest.mark.parametrize("left", ["pinned late", "no node"])
def test_nothing_waits_for_ever(platform: Platform, use_node: UseNode, left: str) -> None:
    class Slow(Node):
        def pin(self, *args: Any) -> Any:
            platform.ask(delete_site, "hello")
            return super().pin(*args)

    node = Slow() if left == "pinned late" else Node()
    use_node(node)
    deploy_to(platform, "hello", FILES)
    if left == "no node":
        use_node(None)
        platform.ask(delete_site, "hello")
        platform.drain()
    assert bool(node.kept) is (left == "no node")
    assert [each.data["kept"] for each in unpinned()] == ["no_node" if left == "no node" else ""]
    assert not verify()


def test_a_real_node_keeps_what_is_shared_and_forgets_the_rest(
    configure: Callable[..., None], platform: Platform, kubo_api: str
) -> None:
    def is_pinned(cid: str | None) -> bool:
        asked = {"arg": str(cid), "type": "recursive", "offline": "true"}
        return httpx2.post(f"{kubo_api}/api/v0/pin/ls", params=asked, timeout=20).status_code == 200

    configure(KUBO_API=kubo_api)
    platform.ask(create_site, "other")
    shared, own = deploy_to(platform, "hello", FILES), deploy_to(platform, "hello", OWN)
    deploy_to(platform, "other", FILES)
    assert is_pinned(shared.cid)
    assert is_pinned(own.cid)
    platform.ask(delete_site, "hello")
    platform.drain()
    assert (is_pinned(shared.cid), is_pinned(own.cid)) == (True, False)
