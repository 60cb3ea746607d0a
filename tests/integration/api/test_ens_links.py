"""ENS names are linked, refused with a reason, looked at on the chain, and let go."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine

from app.engine.rebuild import verify
from app.services.ens.onchain import OnChain
from app.services.ens.rpc import Rpc
from tasks import domains, ens, ens_watch, storage
from tests.fixtures.api import Api, hello, refused, started
from tests.fixtures.ens_chains import Chain
from tests.integration.api.test_dnslinks import Node
from tests.integration.api.test_domains import later as later
from tests.integration.api.test_domains import work as work
from tests.integration.api.test_ens import MINE, Drain, Later, cid_of, link, shown, told
from tests.integration.api.test_ens import api as api
from tests.integration.api.test_ens_troubles import DOWN, Configure, state
from tests.integration.api.test_ens_troubles import engine as engine

pytestmark = pytest.mark.enable_socket


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("site", "ending"),
        ("sité.eth", "ASCII"),
        ("a..eth", "empty"),
        ("-_.eth", "in front"),
        ("xn--a.eth", "other alphabets"),
        ("a b.eth", "a to z"),
    ],
)
def test_a_name_that_is_none_is_refused_with_the_reason(api: Api, name: str, why: str) -> None:
    for answer in (api.post("/v1/sites/hello/ens", {"name": name}), api.get(f"/v1/ens/{name}")):
        assert why in refused(answer, 422, "invalid_name")["detail"]


def test_a_name_follows_one_site_in_one_way_and_only_its_tokens_see_it(api: Api) -> None:
    first = link(api)
    assert link(api)["flow"] == first["flow"]
    again = api.post("/v1/sites/hello/ens", {"name": MINE}, key="k1").json
    assert api.post("/v1/sites/hello/ens", {"name": MINE}, key="k1").json == again
    api.post("/v1/sites", {"slug": "other"})
    problem = refused(api.post("/v1/sites/other/ens", {"name": MINE}), 409, "ens_name_taken")
    assert "flask ens unlink" in problem["hint"]
    refused(api.post("/v1/sites/hello/ens", {"name": MINE, "update_mode": "signer"}), 409, "ens_mode_differs")
    stranger = api.bearing("admin", site="other")
    for answer in (
        stranger.get(f"/v1/ens/{MINE}"),
        stranger.delete(f"/v1/ens/{MINE}"),
        stranger.post(f"/v1/ens/{MINE}/check", {}),
        stranger.get("/v1/sites/hello/ens"),
        stranger.post("/v1/sites/hello/ens", {"name": "more.eth"}),
    ):
        refused(answer, 403, "token_of_another_site")
    assert api.delete(f"/v1/ens/{MINE}").status_code == 204
    refused(api.get(f"/v1/ens/{MINE}"), 404, "ens_not_found")
    assert link(api, site="other")["site"] == "other"
    assert api.delete("/v1/sites/other").status_code == 204
    assert link(api)["site"] == "hello"
    assert verify() == []


def test_without_a_chain_or_a_key_it_says_which_setting_is_missing(
    engine: Engine, configure: Configure
) -> None:
    bare = hello(started(configure, ENS_RPC="", ENS_SIGNER_KEY=""))
    assert (
        "ENS_RPC"
        in refused(bare.post("/v1/sites/hello/ens", {"name": MINE}), 409, "ens_not_configured")["hint"]
    )
    keyless = started(configure, ENS_RPC=DOWN, ENS_SIGNER_KEY="")
    answer = keyless.post("/v1/sites/hello/ens", {"name": MINE, "update_mode": "signer"})
    assert "ENS_SIGNER_KEY" in refused(answer, 409, "signer_missing")["hint"]


class OtherChain(OnChain):
    """The same contracts, on a chain of another number."""

    def record(self, name: str, *, enough: int = 1) -> Any:
        return replace(super().record(name, enough=enough), chain_id=5)


def test_what_is_wrong_with_a_name_is_told_once_and_heals_when_it_is_mended(
    api: Api, chain: Chain, later: Later, work: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.deploy()
    work()
    chain.give("bare.eth", chain.owner)
    chain.give("theirs.eth", chain.owner, resolver=chain.resolver.address)
    for name, mode in (("bare.eth", "prepared_tx"), ("theirs.eth", "signer"), (MINE, "prepared_tx")):
        assert api.post("/v1/sites/hello/ens", {"name": name, "update_mode": mode}).status_code == 201
    work()
    later(hours=2)
    assert state(api, "bare.eth") == ("linked", "no_resolver")
    assert state(api, "theirs.eth") == ("linked", "not_authorised")
    node = chain.node("bare.eth")
    chain.registry.functions.setResolver(node, chain.resolver.address).transact({"from": chain.owner})
    may = chain.resolver.functions.setAuthorisation(chain.node("theirs.eth"), chain.signer, True)
    may.transact({"from": chain.owner})
    later(hours=2)
    assert state(api, "bare.eth") == ("awaiting_signature", None)
    assert state(api, "theirs.eth")[0] in ("pending", "in_sync")
    other = OtherChain(Rpc(chain.url), chain.registry.address)
    with monkeypatch.context() as patch:
        patch.setattr(ens_watch, "open_ens", lambda: other)
        later(hours=7)
    assert state(api, MINE) == ("awaiting_signature", "wrong_chain")
    later(hours=7)
    assert state(api, MINE) == ("awaiting_signature", None)
    codes = [each["failure"]["code"] for each in told("ens.record.verification.failed")]
    assert (codes.count("no_resolver"), codes.count("not_authorised")) == (1, 1)
    assert codes.count("wrong_chain") in (2, 3)


def test_a_name_whose_registration_has_run_out_is_told(api: Api, chain: Chain, work: Drain) -> None:
    always_one = chain.w3.eth.send_transaction(
        {"from": chain.owner, "data": "0x69600160005260206000f3600052600a6016f3"}
    )
    registrar = chain.w3.eth.get_transaction_receipt(always_one)["contractAddress"]
    chain.registry.functions.setOwner(chain.node("eth"), registrar).transact({"from": chain.owner})
    link(api)
    work()
    assert state(api, MINE) == ("linked", "name_expired")


def test_where_there_is_a_node_nothing_is_asked_of_a_wallet_before_it_keeps_the_content(
    api: Api, chain: Chain, work: Drain, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node()
    for module in (storage, domains, ens, ens_watch):
        monkeypatch.setattr(module, "open_ipfs", lambda: node)
    link(api)
    made = api.deploy()
    work()
    assert (shown(api)["state"], shown(api)["cid"]) == ("in_sync", None)
    node.up = True
    later(hours=1.2)
    assert (shown(api)["state"], shown(api)["cid"]) == ("awaiting_signature", cid_of(api, made))
    assert told("ens.update.prepared")[0]["warnings"] == []
    api.delete(f"/v1/ens/{MINE}")
    link(api)  # what it needs is pinned by then
    work()
    assert shown(api)["state"] == "awaiting_signature"
