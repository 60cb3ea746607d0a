"""ENS names that follow a site: on a real chain with the real contracts, read back by web3."""

from base64 import b32encode
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from app.engine.rebuild import verify
from tests.fixtures.api import Api, hello, recorded, started
from tests.fixtures.ens_chains import KEY, Chain
from tests.integration.api.test_domains import later as later
from tests.integration.api.test_domains import work as work
from tests.unit.content.forge import zip_of

pytestmark = pytest.mark.enable_socket

MINE, OURS = "mine.eth", "site.eth"  # of somebody's wallet, and of our signer
OTHER = zip_of([("index.html", b"other")])
NEWEST = zip_of([("index.html", b"newest")])
Drain = Callable[[], None]
Later = Callable[..., None]


@pytest.fixture
def api(engine: Engine, chain: Chain, configure: Callable[..., None]) -> Api:
    """An administrator's API of an installation on that chain, with site `hello`."""
    chain.give(MINE, chain.owner, resolver=chain.resolver.address)
    settings = {"ENS_RPC": chain.url, "ENS_REGISTRY": chain.registry.address, "ENS_SIGNER_KEY": KEY}
    return hello(started(configure, **settings))


def link(api: Api, name: str = MINE, site: str = "hello") -> Any:
    mode = "signer" if name == OURS else "prepared_tx"
    answer = api.post(f"/v1/sites/{site}/ens", {"name": name, "update_mode": mode})
    assert answer.status_code == 201, answer.text
    return answer.json


def shown(api: Api, name: str = MINE) -> Any:
    return api.get(f"/v1/ens/{name}").json


def target(api: Api, made: Any, name: str = MINE) -> tuple[bool, str]:
    """Whether a deploy is partial, and what became of a name."""
    deploy = api.get(f"/v1/deploys/{made['id']}").json
    assert deploy["status"] == "live"
    [found] = [each for each in deploy["targets"] if (each["kind"], each["id"]) == ("ens", name)]
    return deploy["partial"], found["status"]


def cid_of(api: Api, made: Any) -> str:
    return str(api.get(f"/v1/deploys/{made['id']}").json["cid"])


def says(chain: Chain, name: str = MINE) -> str | None:
    """What the chain says, read by web3's contract and decoded by base32 alone."""
    value = chain.contenthash(name)
    assert value[:2] in (b"", b"\xe3\x01")
    return "b" + b32encode(value[2:]).decode().lower().rstrip("=") if value else None


def sign(chain: Chain, page: Any, owner: str | None = None) -> str:
    """What a wallet does with what the page shows."""
    asked = page["sign"]
    tx = {"from": owner or chain.owner, "to": asked["to"], "data": asked["calldata"]}
    if asked["gas"]:
        tx["gas"] = asked["gas"]
    return str(chain.w3.eth.send_transaction(tx).hex())


def told(*types: str) -> list[Any]:
    return [each.data for each in recorded(*types)]


def test_a_wallet_signs_what_each_deploy_prepares_and_the_name_leads_there(
    api: Api, chain: Chain, work: Drain, later: Later
) -> None:
    assert link(api, " Mine.ETH. ")["state"] == "linked"
    work()
    page = shown(api)
    assert (page["state"], page["owner"], page["sign"]) == ("in_sync", chain.owner, None)
    made = api.deploy()
    work()
    page = shown(api)
    assert (page["state"], page["cid"], page["onchain"]) == ("awaiting_signature", cid_of(api, made), "0x")
    assert page["sign"]["content"] == f"ipfs://{page['cid']}"
    assert page["sign"]["link"].startswith(f"ethereum:{chain.resolver.address}@")
    assert target(api, made) == (False, "awaiting")
    later(days=3)
    assert shown(api)["state"] == "awaiting_signature"
    sign(chain, page)
    later(hours=1)
    assert (shown(api)["state"], shown(api)["onchain"]) == ("awaiting_signature", page["contenthash"])
    chain.mine()
    later(hours=1)
    page = shown(api)
    assert (page["state"], page["uri"], page["sign"]) == ("in_sync", f"ipfs://{page['cid']}", None)
    assert says(chain) == cid_of(api, made)
    assert target(api, made) == (False, "updated")
    [confirmed] = told("ens.update.confirmed")
    assert (confirmed["changed"], confirmed["tx_hash"], confirmed["confirmations"]) == (True, None, 2)
    [prepared] = told("ens.update.prepared")
    assert [each["code"] for each in prepared["warnings"]] == ["not_provided"]
    assert verify() == []


def test_a_newer_deploy_replaces_what_was_prepared_and_going_back_needs_no_signature(
    api: Api, chain: Chain, work: Drain, later: Later
) -> None:
    first = api.deploy()
    link(api)
    work()  # what is live is asked for as soon as a name is linked
    sign(chain, shown(api))
    chain.mine(2)
    later(minutes=1)
    second, third = (api.deploy(archive=archive) for archive in (OTHER, NEWEST))
    work()
    assert (shown(api)["deploy"], shown(api)["cid"]) == (third["id"], cid_of(api, third))
    assert len(told("ens.update.prepared")) >= 2
    assert target(api, third) == (False, "awaiting")
    assert api.post("/v1/sites/hello/rollback", {"deploy": first["id"]}).status_code == 202
    work()
    assert (shown(api)["state"], shown(api)["sign"]) == ("in_sync", None)
    assert not told("ens.update.confirmed")[-1]["changed"]
    assert says(chain) == cid_of(api, first) != cid_of(api, second)
    assert verify() == []


def test_our_signer_drafts_signs_and_watches_until_it_is_deep_enough(
    api: Api, chain: Chain, work: Drain, later: Later
) -> None:
    link(api, OURS)
    work()
    made = api.deploy()
    work()
    page = shown(api, OURS)
    assert (page["state"], page["tx"]["sender"]) == ("pending", chain.signer)
    assert chain.w3.eth.get_transaction(page["tx"]["hash"])["from"] == chain.signer
    assert target(api, made, OURS) == (False, "awaiting")
    later(minutes=1)
    assert shown(api, OURS)["tx"]["block_number"]
    chain.mine()
    later(minutes=1)
    page = shown(api, OURS)
    assert (page["state"], page["tx"], says(chain, OURS)) == ("in_sync", None, cid_of(api, made))
    assert target(api, made, OURS) == (False, "updated")
    kinds = [event.type.removeprefix("ens.update.") for event in recorded() if ".update." in event.type]
    assert [each for each in kinds if "." not in each] == [
        "requested", "drafted", "submitted", "included", "confirmed"
    ]  # fmt: skip
    [confirmed] = told("ens.update.confirmed")
    receipt = chain.w3.eth.get_transaction_receipt(confirmed["tx_hash"])
    [used] = api.get("/v1/usage?meter=ens_gas&site=hello").json["meters"]
    assert (used["total"], used["unit"]) == (receipt["gasUsed"], "gas")
    assert int(confirmed["cost_wei"]) == receipt["gasUsed"] * receipt["effectiveGasPrice"]
    assert confirmed["block_hash"] == chain.w3.to_hex(receipt["blockHash"])
    assert verify() == []
