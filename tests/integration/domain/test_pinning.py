"""What is live is pinned where there is a node, as a branch of the deploy that fails and heals by itself."""

from collections.abc import Callable
from datetime import timedelta

import httpx2
import pytest

from app.commands.rollback import roll_back
from app.content.car import cids
from app.content.cid import Cid
from app.engine import Event
from app.engine.rebuild import verify
from app.errors import PermanentError, RetryableError
from app.models.deploys import Deploy
from app.services.ipfs.port import GetBlock, Pinned
from tasks import storage
from tests.integration.domain.running import Platform
from tests.integration.domain.test_intents import work_on

OTHER = {"index.html": b"other"}
PIN = "storage.pin."


class Node:
    """A node in memory; `trouble` is what it raises, in turn."""

    def __init__(self, *trouble: Exception) -> None:
        self.trouble = list(trouble)
        self.kept: dict[str, set[bytes]] = {}

    def pin(self, root: Cid, get_block: GetBlock) -> Pinned:
        if self.trouble:
            raise self.trouble.pop(0)
        blocks = {cid.digest: get_block(cid) for cid in cids(root, get_block)}
        known = self.kept.get(str(root)) is not None
        self.kept[str(root)] = set(blocks)
        return Pinned(root, len(blocks), 0 if known else sum(map(len, blocks.values())))

    def holds(self, root: Cid, get_block: GetBlock) -> bool:
        return str(root) in self.kept

    def unpin(self, root: Cid) -> bool:
        return self.kept.pop(str(root), None) is not None


UseNode = Callable[[object], None]


@pytest.fixture
def use_node(monkeypatch: pytest.MonkeyPatch) -> UseNode:
    return lambda node: monkeypatch.setattr(storage, "open_ipfs", lambda: node)


def pins(platform: Platform, flow: str) -> list[Event]:
    return [event for event in platform.story(flow) if event.type.startswith(PIN)]


def missed(deploy: Deploy) -> list[tuple[str, str]]:
    return [(x["id"], x["failure"]["code"]) for x in deploy.targets if x["status"] == "failed"]


def test_without_a_node_nothing_is_asked_for_and_nothing_is_missing(platform: Platform) -> None:
    deploy = platform.deploy()
    assert pins(platform, deploy.flow) == []
    assert (deploy.status, deploy.partial) == ("live", False)


def test_what_is_published_is_pinned_before_the_deploy_is_complete(
    platform: Platform, use_node: UseNode
) -> None:
    node = Node()
    use_node(node)
    deploy = platform.deploy()
    asked, pinned = pins(platform, deploy.flow)
    assert (asked.type, pinned.type) == (f"{PIN}requested", f"{PIN}pinned")
    assert set(node.kept) == {deploy.cid} == {asked.data["cid"], pinned.data["cid"]}
    assert (pinned.data["blocks"], pinned.data["sent_bytes"] > 0) == (4, True)
    types = platform.types(deploy.flow)
    assert types.index(f"{PIN}pinned") < types.index("site.deploy.completed")
    assert (deploy.partial, missed(deploy)) == (False, [])
    assert not verify()


def test_a_rollback_pins_what_it_brings_back(platform: Platform, use_node: UseNode) -> None:
    node = Node()
    first = platform.deploy()
    use_node(node)
    second = platform.deploy(OTHER)
    platform.ask(roll_back, "hello", first.id)
    platform.drain()
    assert set(node.kept) == {first.cid, second.cid}
    assert platform.site().live_cid == first.cid


def test_a_node_that_is_away_for_a_while_is_asked_again(platform: Platform, use_node: UseNode) -> None:
    node = Node(*(RetryableError("ipfs_unavailable", "It is down.", "Start it.") for _ in range(4)))
    use_node(node)
    deploy = platform.deploy()
    assert [event.type for event in pins(platform, deploy.flow)] == [f"{PIN}requested", f"{PIN}pinned"]
    assert not deploy.partial


@pytest.mark.parametrize("code", ["ipfs_unavailable", "ipfs_denied"])
def test_a_pin_that_fails_leaves_the_deploy_live_in_part_and_is_asked_for_again_within_an_hour(
    platform: Platform, use_node: UseNode, code: str
) -> None:
    kind, times = (RetryableError, 5) if code == "ipfs_unavailable" else (PermanentError, 1)
    node = Node(*(kind(code, "No.", "Look.") for _ in range(times)))
    use_node(node)
    deploy = platform.deploy()
    asked, failed, again, pinned = pins(platform, deploy.flow)
    assert (asked.type, failed.type, failed.data["cid"]) == (f"{PIN}requested", f"{PIN}failed", deploy.cid)
    failure = failed.data["failure"]
    assert (failure["stage"], failure["retryable"]) == ("pin", kind is RetryableError)
    completed = next(e for e in platform.story(deploy.flow) if e.type == "site.deploy.completed")
    told = [(each["id"], each["failure"]["code"]) for each in completed.data["targets"] if each["failure"]]
    assert (completed.data["status"], told) == ("partial", [(f"{PIN}failed", code)])
    assert (deploy.status, deploy.partial, missed(deploy)) == ("live", False, [])  # by then
    assert failed.time <= completed.time < again.time
    assert platform.flow(deploy.flow)[1:] == ("succeeded", 0)
    assert (again.type, pinned.type) == (f"{PIN}requested", f"{PIN}pinned")
    assert timedelta(hours=1) <= again.time - failed.time < timedelta(hours=1.1)
    assert set(node.kept) == {deploy.cid}
    assert not verify()


def test_a_node_that_stays_away_is_left_alone_after_some_hours(platform: Platform, use_node: UseNode) -> None:
    use_node(Node(*(PermanentError("ipfs_denied", "No.", "Look.") for _ in range(50))))
    deploy = platform.deploy()
    assert 5 < len(pins(platform, deploy.flow)) / 2 < 12
    newer = platform.deploy(OTHER)
    assert platform.site().live_deploy_id == newer.id


def test_what_is_not_live_any_more_is_not_asked_for_again(platform: Platform, use_node: UseNode) -> None:
    node = Node(PermanentError("ipfs_denied", "No.", "Look."))
    use_node(node)
    first = platform.start()
    work_on(platform, first, until="live")
    newer = platform.start(OTHER)
    work_on(platform, newer, until="live")
    platform.drain()
    assert set(node.kept) == {platform.get(newer).cid}


def test_a_node_that_is_taken_out_of_the_settings_meanwhile_is_not_waited_for(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = [Node(), None]
    monkeypatch.setattr(storage, "open_ipfs", lambda: turns.pop(0))
    deploy = platform.deploy()
    assert [event.type for event in pins(platform, deploy.flow)] == [f"{PIN}requested"]
    assert not deploy.partial


def test_a_real_node_that_the_settings_name_serves_what_was_deployed(
    configure: Callable[..., None], platform: Platform, kubo_api: str
) -> None:
    configure(KUBO_API=kubo_api)
    deploy = platform.deploy({"index.html": b"from a deploy", "large.bin": b"z" * 2_500_000})
    assert [event.type for event in pins(platform, deploy.flow)] == [f"{PIN}requested", f"{PIN}pinned"]
    for path, content in (("index.html", b"from a deploy"), ("large.bin", b"z" * 2_500_000)):
        asked = {"arg": f"{deploy.cid}/{path}", "offline": "true"}
        assert httpx2.post(f"{kubo_api}/api/v0/cat", params=asked, timeout=20).content == content
