"""ENS names in trouble: chains that are down, go back or forget, keys used elsewhere, processes that die."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from app.engine import faults
from app.engine.rebuild import verify
from tests.fixtures.api import Api
from tests.fixtures.ens_chains import KEY, Chain
from tests.fixtures.simulation import Crash, Simulation
from tests.integration.api.test_domains import later as later
from tests.integration.api.test_domains import work as work
from tests.integration.api.test_ens import (
    MINE,
    OTHER,
    OURS,
    Drain,
    Later,
    cid_of,
    link,
    says,
    shown,
    sign,
    target,
    told,
)
from tests.integration.api.test_ens import api as api

pytestmark = pytest.mark.enable_socket
DOWN = "http://127.0.0.1:1"
Configure = Callable[..., None]


@pytest.fixture
def engine(sqlite_database: Engine) -> Engine:
    """One database: what is looked at here is outside of it."""
    return sqlite_database


@pytest.fixture
def waiting(api: Api, chain: Chain, work: Drain) -> Any:
    """A deploy whose transaction our signer has sent, and no block has."""
    link(api, OURS)
    work()
    chain.tester.disable_auto_mine_transactions()
    made = api.deploy()
    work()
    assert shown(api, OURS)["state"] == "pending"
    return made


def state(api: Api, name: str = OURS) -> tuple[str, str | None]:
    """A name's state, and the code of what is wrong."""
    page = shown(api, name)
    return page["state"], page["failure"] and page["failure"]["code"]


def mined(chain: Chain, later: Later) -> None:
    for _ in range(2):
        chain.mine()
        later(minutes=2)


def test_a_chain_that_is_down_makes_the_deploy_partial_until_it_is_back(
    api: Api, chain: Chain, work: Drain, later: Later, configure: Configure
) -> None:
    link(api)
    work()
    configure(ENS_RPC=DOWN)
    made = api.deploy()
    for _ in range(5):
        later(seconds=35)
    assert target(api, made, MINE) == (True, "failed")
    assert state(api, MINE) == ("update_needed", "rpc_unavailable")
    for _ in range(4):
        later(hours=7)
    configure(ENS_RPC=chain.url)
    assert api.post(f"/v1/ens/{MINE}/check", {}).status_code == 202
    for _ in range(3):
        later(minutes=1)
    assert state(api, MINE) == ("awaiting_signature", None)
    assert target(api, made, MINE) == (False, "awaiting")
    about = [
        each["event_type"] for each in told("notification.sent") if each["event_type"].startswith("ens.")
    ]
    assert (about.count("ens.update.failed"), about.count("ens.update.prepared")) == (1, 1)
    configure(ENS_RPC=DOWN)
    for _ in range(4):
        later(minutes=30)
    sign(chain, shown(api))
    chain.mine(2)
    configure(ENS_RPC=chain.url)
    later(hours=1)
    assert (state(api, MINE), says(chain)) == (("in_sync", None), cid_of(api, made))
    assert verify() == []


def test_drift_is_told_once_for_each_value_and_ends_by_itself_or_by_the_next_deploy(
    api: Api, chain: Chain, work: Drain, later: Later
) -> None:
    link(api)
    api.deploy()
    work()
    page = shown(api)
    sign(chain, page)
    chain.mine()
    later(minutes=1)
    ours = bytes.fromhex(page["contenthash"][2:])
    theirs = [bytes.fromhex("e40101fa011b20" + each * 32) for each in ("11", "22")]

    def set_to(value: bytes) -> None:
        chain.resolver.functions.setContenthash(chain.node(MINE), value).transact({"from": chain.owner})
        for _ in range(2):
            later(hours=7)

    set_to(theirs[0])
    assert state(api, MINE) == ("drifted", None)
    set_to(theirs[1])
    assert [each["onchain"] for each in told("ens.record.drifted")] == ["0x" + each.hex() for each in theirs]
    set_to(ours)
    assert state(api, MINE) == ("in_sync", None)
    set_to(theirs[0])
    assert (state(api, MINE)[0], len(told("ens.record.drifted"))) == ("drifted", 3)
    made = api.deploy(archive=OTHER)
    work()
    sign(chain, shown(api))
    chain.mine()
    later(minutes=1)
    assert (state(api, MINE)[0], says(chain)) == ("in_sync", cid_of(api, made))
    assert verify() == []


def test_a_newer_deploy_takes_the_place_of_what_waits_and_pays_more(
    api: Api, chain: Chain, waiting: Any, work: Drain, later: Later
) -> None:
    older = shown(api, OURS)["tx"]
    made = api.deploy(archive=OTHER)
    work()
    newer = shown(api, OURS)["tx"]
    assert (newer["nonce"], newer["hash"] == older["hash"]) == (older["nonce"], False)
    assert newer["max_fee"] >= older["max_fee"] * 1.1
    [replaced] = told("ens.update.replaced")
    assert (replaced["old_tx"], replaced["new_tx"]) == (older["hash"], newer["hash"])
    assert replaced["reason"] == "newer_deploy"
    mined(chain, later)
    assert (state(api), says(chain, OURS)) == (("in_sync", None), cid_of(api, made))
    assert target(api, made, OURS) == (False, "updated")
    assert verify() == []


def test_what_the_node_forgets_is_sent_again(api: Api, chain: Chain, work: Drain, later: Later) -> None:
    link(api, OURS)
    work()
    before = chain.tester.take_snapshot()
    made = api.deploy()
    work()
    tx = shown(api, OURS)["tx"]["hash"]
    chain.tester.revert_to_snapshot(before)
    with pytest.raises(Exception, match="not found"):
        chain.w3.eth.get_transaction(tx)
    later(minutes=1)
    assert chain.w3.eth.get_transaction(tx)["from"] == chain.signer
    assert [each["resent"] for each in told("ens.update.submitted")] == [False, True]
    mined(chain, later)
    assert (state(api), says(chain, OURS)) == (("in_sync", None), cid_of(api, made))


def test_a_chain_that_goes_back_is_told_and_gets_the_transaction_again(
    api: Api, chain: Chain, work: Drain, later: Later
) -> None:
    link(api, OURS)
    work()
    before = chain.tester.take_snapshot()
    made = api.deploy()
    work()
    later(minutes=1)
    assert len(told("ens.update.included")) == 1
    chain.tester.revert_to_snapshot(before)
    chain.mine(2)
    later(minutes=1)
    [reorged] = told("ens.update.reorged")
    assert reorged["tx_hash"] == shown(api, OURS)["tx"]["hash"]
    assert state(api) == ("pending", None)
    later(minutes=1)
    mined(chain, later)
    assert (state(api), says(chain, OURS)) == (("in_sync", None), cid_of(api, made))
    assert len(told("ens.update.confirmed")) == 1
    assert verify() == []


def test_a_key_that_was_used_elsewhere_makes_the_update_anew(
    api: Api, chain: Chain, waiting: Any, later: Later
) -> None:
    tx = shown(api, OURS)["tx"]
    account = chain.w3.eth.account.from_key(KEY)
    elsewhere = {"to": chain.owner, "value": 1, "gas": 21_000, "chainId": chain.w3.eth.chain_id}
    fees = {"maxFeePerGas": tx["max_fee"] * 2, "maxPriorityFeePerGas": tx["priority_fee"] * 2}
    signed = account.sign_transaction({**elsewhere, **fees, "nonce": tx["nonce"]})
    chain.w3.eth.send_raw_transaction(signed.raw_transaction)
    mined(chain, later)
    assert told("ens.update.replaced")[0]["new_tx"] is None
    later(minutes=1)
    assert shown(api, OURS)["tx"]["nonce"] == tx["nonce"] + 1
    mined(chain, later)
    assert (state(api), says(chain, OURS)) == (("in_sync", None), cid_of(api, waiting))


def test_what_the_contract_refuses_has_failed_and_is_tried_again_when_it_may(
    api: Api, chain: Chain, work: Drain, later: Later
) -> None:
    """The name gets another owner while the node has forgotten the transaction, which is then sent again."""

    def give_to(owner: str) -> None:
        label = chain.w3.keccak(text="site")
        change = chain.registry.functions.setSubnodeOwner(chain.node("eth"), label, owner)
        change.transact({"from": chain.owner})

    link(api, OURS)
    work()
    before = chain.tester.take_snapshot()
    made = api.deploy()
    work()
    chain.tester.revert_to_snapshot(before)
    give_to(chain.owner)
    later(minutes=1)
    mined(chain, later)
    assert [each["failure"]["code"] for each in told("ens.update.failed")] == ["reverted"]
    assert target(api, made, OURS) == (True, "failed")
    for _ in range(3):
        later(minutes=10)
    assert state(api) == ("update_needed", "not_authorised")
    give_to(chain.signer)
    later(hours=7)
    mined(chain, later)
    assert (state(api), says(chain, OURS)) == (("in_sync", None), cid_of(api, made))
    assert target(api, made, OURS) == (False, "updated")


def test_a_signer_without_ether_is_told_and_goes_on_when_it_has_some(
    api: Api, chain: Chain, work: Drain, later: Later, configure: Configure
) -> None:
    poor = chain.w3.eth.account.from_key("22" * 32).address
    configure(ENS_SIGNER_KEY="22" * 32)
    chain.give("poor.eth", poor, resolver=chain.resolver.address)
    assert api.post("/v1/sites/hello/ens", {"name": "poor.eth", "update_mode": "signer"}).status_code == 201
    made = api.deploy()
    work()
    assert state(api, "poor.eth") == ("update_needed", "insufficient_funds")
    assert target(api, made, "poor.eth") == (True, "failed")
    chain.w3.eth.send_transaction({"from": chain.owner, "to": poor, "value": 10**18})
    later(hours=1)
    mined(chain, later)
    assert (state(api, "poor.eth"), says(chain, "poor.eth")) == (("in_sync", None), cid_of(api, made))
    assert target(api, made, "poor.eth") == (False, "updated")


def test_names_of_one_signer_go_one_after_the_other(
    api: Api, chain: Chain, waiting: Any, work: Drain, later: Later
) -> None:
    api.post("/v1/sites", {"slug": "other"})
    chain.tester.enable_auto_mine_transactions()
    chain.give("second.eth", chain.signer, resolver=chain.resolver.address)
    api.post("/v1/sites/other/ens", {"name": "second.eth", "update_mode": "signer"})
    made = api.deploy("other")
    work()
    page = shown(api, "second.eth")
    assert (page["state"], page["behind"]) == ("update_needed", OURS)
    assert target(api, made, "second.eth") == (False, "awaiting")
    for _ in range(4):
        mined(chain, later)
    assert state(api) == state(api, "second.eth") == ("in_sync", None)
    assert says(chain, "second.eth") == cid_of(api, made)
    assert chain.w3.eth.get_transaction_count(chain.signer) == 2


@pytest.mark.parametrize("seed", range(2))
def test_processes_that_die_anywhere_and_messages_that_are_lost_send_one_transaction(
    api: Api, chain: Chain, simulation: Simulation, work: Drain, later: Later, seed: int
) -> None:
    link(api, OURS)
    link(api)
    work()
    made = api.deploy()
    rng, deaths = random.Random(seed), 0

    def die(point: str) -> None:
        nonlocal deaths
        if deaths < 12 and rng.random() < 0.06 and not point.startswith("command."):
            deaths += 1
            raise Crash(point)

    with faults.on_fault(die):
        for _ in range(30):
            while simulation.messages:
                simulation.deliver()
                if simulation.messages and rng.random() < 0.1:
                    simulation.messages.pop(rng.randrange(len(simulation.messages)))
            simulation.write_down()
            simulation.wait(timedelta(seconds=20))
            simulation.sweep()
            if rng.random() < 0.3:
                chain.mine()
    for _ in range(3):
        mined(chain, later)
    assert deaths > 3
    assert (state(api), says(chain, OURS)) == (("in_sync", None), cid_of(api, made))
    assert chain.w3.eth.get_transaction_count(chain.signer) == 1
    assert state(api, MINE)[0] == "awaiting_signature"
    for name in (OURS, MINE):
        assert target(api, made, name)[0] is False
    assert verify() == []
