"""`flask ens`: ENS names that follow a site, what there is to sign, and what the chain says of them."""

from typing import Any

import rich_click as click

from app.cli.asking import asks
from app.cli.output import Output, fields, table, text, when
from app.cli.platform import Platform, at

EMPTY = "No ENS name follows the site: flask ens link SITE NAME."
#: What each state means, and what is next.
MEANS = {
    "linked": "It is looked at on the chain.",
    "in_sync": "It leads to what is live, as far as anything is.",
    "update_needed": "It is to lead elsewhere; that is being prepared, or tried again.",
    "awaiting_signature": "Its owner has to sign. The chain is looked at until it says so.",
    "pending": "The transaction is on its way into the chain.",
    "stuck": "The transaction waits for a block. Offer more: flask ens check NAME --raise-fees",
    "drifted": "Somebody else has changed it. The next deploy sets it again.",
}
GWEI = 10**9


@click.group("ens")
def ens() -> None:
    """ENS names: link, list, show, check, unlink."""


@ens.command("link")
@click.argument("site")
@click.argument("name")
@click.option(
    "--update-mode",
    type=click.Choice(["prepared_tx", "signer"]),
    default="prepared_tx",
    show_default=True,
    help="Who signs: the owner's wallet, or the key in ENS_SIGNER_KEY.",
)
@asks
def link(platform: Platform, out: Output, site: str, name: str, update_mode: str) -> None:
    """Let an ENS name follow what is live on a site."""
    found = platform.post(at("sites", site, "ens"), name=name, update_mode=update_mode)
    out.answer(found, [f"Linked. What the chain says of it: flask ens show {text(found['name'])}"])


@ens.command("list")
@click.argument("site")
@asks
def list_names(platform: Platform, out: Output, site: str) -> None:
    """The ENS names that follow a site."""
    found = platform.get(at("sites", site, "ens"))["items"]
    rows = [(each["name"], each["state"], each["update_mode"], each["cid"] or "-") for each in found]
    out.answer(found, table(("name", "state", "signed by", "is to lead to"), rows, EMPTY))


@ens.command("show")
@click.argument("name")
@asks
def show(platform: Platform, out: Output, name: str) -> None:
    """A name: what it is to lead to, what the chain says, and what there is to sign."""
    found = platform.get(at("ens", name))
    out.answer(found, _shown(found))


@ens.command("check")
@click.argument("name")
@click.option("--raise-fees", is_flag=True, help="Offer a transaction that waits anew, for more.")
@asks
def check(platform: Platform, out: Output, name: str, raise_fees: bool) -> None:
    """Look at it now, or try its update again."""
    found = platform.post(at("ens", name, "check"), raise_fees=raise_fees)
    out.answer(found, [f"It is looked at now. What is seen: flask ens show {text(found['name'])}"])


@ens.command("unlink")
@click.argument("name")
@asks
def unlink(platform: Platform, out: Output, name: str) -> None:
    """Let it follow its site no more. What the chain says stays."""
    found = platform.get(at("ens", name))
    platform.delete(at("ens", name))
    out.answer(found, [f"{text(found['name'])} follows no site now. On the chain it leads where it led."])


def _shown(found: dict[str, Any]) -> list[str]:
    said = {name: found[name] for name in ("name", "site", "state")}
    said |= {"": MEANS[found["state"]].replace("NAME", text(found["name"]))}
    said |= {"signed by": "its owner" if found["update_mode"] == "prepared_tx" else "the signer here"}
    said |= {"is to lead to": found["cid"] and f"ipfs://{found['cid']}"}
    said |= {"leads to": found["uri"] or found["onchain"]}
    said |= {name: found[name] for name in ("owner", "resolver")}
    said |= {"chain": found["chain_id"], "waits behind": found["behind"]}
    said |= {"waits since": found["waits_since"] and when(found["waits_since"])}
    said |= {"next look": found["next_check_at"] and when(found["next_check_at"])}
    known = {name: value for name, value in said.items() if value is not None}
    return [*fields(known), *_wrong(found["failure"]), *_to_sign(found["sign"]), *_sent(found["tx"])]


def _wrong(failure: dict[str, Any] | None) -> list[str]:
    if failure is None:
        return []
    return ["", f"! {text(failure['message'])} [{failure['code']}]", f"  {text(failure['hint'])}"]


def _to_sign(sign: dict[str, Any] | None) -> list[str]:
    """Three ways to do the same, the easiest first."""
    if sign is None:
        return []
    gas = f", some {sign['gas']} gas" if sign["gas"] else ""
    return [
        "",
        f"To sign: at {text(sign['app'])} enter as the content hash",
        f"  {text(sign['content'])}",
        "or open this with the wallet of its owner",
        f"  {text(sign['link'])}",
        f"or send this by any wallet, on chain {sign['chain_id']}, without ether{gas}",
        f"  to    {text(sign['to'])}",
        f"  data  {text(sign['calldata'])}",
    ]


def _sent(tx: dict[str, Any] | None) -> list[str]:
    if tx is None:
        return []
    said = {"transaction": tx["hash"] or "drafted, not sent yet", "from": tx["sender"], "nonce": tx["nonce"]}
    said |= {"costs at most": f"{tx['gas'] * tx['max_fee'] / GWEI**2:.6f} ether"}
    said |= {"block": tx["block_number"]}
    return ["", *fields({name: value for name, value in said.items() if value is not None})]
