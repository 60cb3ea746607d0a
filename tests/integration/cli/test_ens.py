"""What `docs/howto/ens.md` tells people to type works on a real chain, and prints what the page says."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from app.cli.ens import MEANS
from app.signals.advice import ADVICE
from tests.fixtures.ens_chains import KEY, Chain
from tests.integration.api.test_domains import later as later
from tests.integration.api.test_domains import work as work

pytestmark = pytest.mark.enable_socket

PAGE = (Path(__file__).parents[3] / "docs" / "howto" / "ens.md").read_text()
TYPED = [line.split("#")[0].split()[1:] for line in re.findall(r"^flask ens .*", PAGE, re.MULTILINE)]
MINE, BOT = "my-name.eth", "my-bot.eth"


@pytest.fixture
def engine(sqlite_database: Engine) -> Engine:
    """One database: what is looked at here is outside of it."""
    return sqlite_database


@pytest.fixture(autouse=True)
def on_a_chain(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    chain.give(MINE, chain.owner, resolver=chain.resolver.address)
    chain.give(BOT, chain.signer, resolver=chain.resolver.address)
    monkeypatch.setenv("ENS_RPC", chain.url)
    monkeypatch.setenv("ENS_REGISTRY", chain.registry.address)
    monkeypatch.setenv("ENS_SIGNER_KEY", KEY)


def test_the_page_can_be_followed_for_both_who_sign(
    terminal: Any, chain: Chain, folder: Path, work: Callable[[], None], later: Callable[..., None]
) -> None:
    link, show, link_bot, show_bot, raise_fees, listing, unlink = TYPED
    terminal("sites", "create", "my-site")
    assert "flask ens link" in terminal(*listing)
    assert f"flask ens show {MINE}" in terminal(*link)
    terminal(*link_bot)
    work()
    assert re.search(r"state +in_sync", terminal(*show))
    assert "[nothing_waits]" in terminal.error(*raise_fees)
    terminal("deploy", str(folder), "--site", "my-site", "--no-watch")
    chain.tester.disable_auto_mine_transactions()
    work()
    shown = terminal(*show)
    assert "awaiting_signature" in shown
    assert f"To sign: at https://app.ens.domains/{MINE} enter as the content hash" in shown
    assert re.search(r"^  ethereum:0x", shown, re.MULTILINE)
    to, data = (re.search(rf"^  {word} +(0x\w+)", shown, re.MULTILINE)[1] for word in ("to", "data"))
    shown = terminal(*show_bot)
    assert re.search(r"state +pending", shown)
    assert "costs at most" in shown
    before = terminal.json(*show_bot)["tx"]["max_fee"]
    later(minutes=11)
    shown = terminal(*show_bot)
    assert re.search(r"state +stuck", shown)
    assert "[pending_timeout]" in shown
    assert BOT in terminal(*raise_fees)
    work()
    assert terminal.json(*show_bot)["tx"]["max_fee"] > before
    chain.mine()
    chain.tester.enable_auto_mine_transactions()
    chain.w3.eth.send_transaction({"from": chain.owner, "to": to, "data": data})
    chain.mine(2)
    later(minutes=2)
    terminal("ens", "check", MINE)
    work()
    for words in (show, show_bot):
        assert re.search(r"state +in_sync", terminal(*words))
    assert chain.contenthash(MINE) == chain.contenthash(BOT) != b""
    assert MINE in terminal(*unlink)
    assert [each["name"] for each in terminal.json(*listing)] == [BOT]


def test_the_page_explains_every_state_and_code() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", PAGE, re.MULTILINE))
    assert {name for name in rows if name in MEANS} == set(MEANS)
    codes = set(rows) - set(MEANS)
    assert codes <= ADVICE.keys()
    source = Path(__file__).parents[3]
    files = [
        *source.glob("tasks/ens*.py"),
        source / "app/commands/ens.py",
        *source.glob("app/services/ens/*.py"),
    ]
    raised = set(
        re.findall(
            r'(?:Error|Conflict|Input)\(\s*"(\w+)"|code, why = "(\w+)"', "".join(map(Path.read_text, files))
        )
    )
    found = {each for pair in raised for each in pair if each}
    assert (
        found - {"nothing_waits", "ens_name_taken", "ens_mode_differs", "key_invalid", "contenthash_unknown"}
        <= codes
    )
