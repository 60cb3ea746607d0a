"""`flask domains`: host names of sites, how far their set-up is, and what is wrong with their records."""

from time import sleep as pause
from typing import Any

import rich_click as click

from app.cli import dnslinks
from app.cli.asking import asks
from app.cli.output import Output, fields, table, text, when
from app.cli.platform import Platform, at

#: What is told of a certificate's times.
_TIMES = {"valid until": "not_after", "renewed at": "renew_at", "tried again": "next_try_at"}
#: How often it is asked whether a look has been taken, and how many seconds pass in between.
LOOKS, BETWEEN = 60, 0.5
UNSEEN = "It is looked at as soon as a worker is free (flask doctor). What is seen: flask domains show {}"
#: What a record is for without which a name can be used.
OPTIONAL = {
    "dnslink": "Visitors do not need it: it lets IPFS find the site under this name.",
    "challenge": "It lets certificates be had without port 80.",
}
EMPTY = "The site has no host name of its own: flask domains add SITE NAME."


@click.group("domains")
def domains() -> None:
    """Host names: add, list, show, verify, remove."""


@domains.command("add")
@click.argument("site")
@click.argument("hostname")
@asks
def add(platform: Platform, out: Output, site: str, hostname: str) -> None:
    """Let a host name lead to a site, and show the records that it needs."""
    found = platform.post(at("sites", site, "domains"), hostname=hostname)
    out.answer(found, [f"Enter these records where {text(found['hostname'])} is managed:", *_records(found)])


@domains.command("list")
@click.argument("site")
@asks
def list_domains(platform: Platform, out: Output, site: str) -> None:
    """The host names of a site."""
    found = platform.get(at("sites", site, "domains"))["items"]
    rows = [(each["hostname"], each["badge"], _waits(each)) for each in found]
    out.answer(found, table(("host name", "state", "waits for"), rows, EMPTY))


@domains.command("show")
@click.argument("hostname")
@asks
def show(platform: Platform, out: Output, hostname: str) -> None:
    """A host name: its states, its records, and what to do."""
    found = platform.get(at("domains", hostname))
    out.answer(found, _shown(found))


@domains.command("verify")
@click.argument("hostname")
@click.option("--no-wait", is_flag=True, help="Do not wait for what is seen.")
@asks
def verify(platform: Platform, out: Output, hostname: str, no_wait: bool) -> None:
    """Look at its records now, and show what is seen."""
    found = platform.post(at("domains", hostname, "verify"))
    for _ in range(0 if no_wait else LOOKS):
        if _is_seen(found):
            break
        pause(BETWEEN)
        found = platform.get(at("domains", hostname))
    out.answer(found, _shown(found) if _is_seen(found) else [UNSEEN.format(text(found["hostname"]))])


@domains.command("remove")
@click.argument("hostname")
@asks
def remove(platform: Platform, out: Output, hostname: str) -> None:
    """Let it lead to its site no more, and show the records that can be removed."""
    found = platform.delete(at("domains", hostname))
    rows = [(each["name"], each["type"], each["value"]) for each in found["records"]]
    listed = table(("name", "type", "value"), rows, "")
    told = [f"Removed. Where {text(hostname)} is managed, you may delete these records now:", *listed]
    told.append(
        "Do delete those that lead here: a name that leads to a server without a site of yours is a risk."
    )
    if found["records_to_clean"]:
        told.append("What the platform wrote into its own zone for it is deleted by the platform.")
    out.answer(found, told)


def _is_seen(found: dict[str, Any]) -> bool:
    """Whether a look has been taken since a person wanted one."""
    return bool(found["observed_at"] and found["asked_at"] and found["observed_at"] >= found["asked_at"])


def _shown(found: dict[str, Any]) -> list[str]:
    setup = found["setup"]
    step = f"{setup['step']} ({setup['index'] + 1} of {setup['of']})" if setup["step"] else "done"
    said = {name: found[name] for name in ("hostname", "site", "badge", "ownership", "routing", "tls")}
    said |= {"set-up": step, "looked at": when(found["observed_at"]) if found["observed_at"] else None}
    said |= {"next look": when(found["next_check_at"]) if found["next_check_at"] else None}
    if found["unicode"] != found["hostname"]:
        said["shown as"] = found["unicode"]
    return [
        *fields(said),
        *_certificate(found["certificate"]),
        *dnslinks.about(found["dnslink"]),
        "",
        *_records(found),
    ]


def _certificate(found: dict[str, Any] | None) -> list[str]:
    """The certificate that the platform gets for it; where that failed, why, and what to do."""
    if found is None:
        return []
    said = {"certificate": found["state"], "issuer": found["issuer"] or None}
    said |= {name: found[key] and when(found[key]) for name, key in _TIMES.items()}
    failure = found["failure"]
    told = (
        [f"  {text(failure['message'])} [{failure['code']}]", f"  {text(failure['hint'])}"] if failure else []
    )
    return [*fields(said), *told]


def _records(found: dict[str, Any]) -> list[str]:
    """Each record with what was found; below it what is wrong, and what to do."""
    lines = []
    for each in found["records"]:
        mark = {"ok": "+", "unknown": "?"}.get(each["verdict"], "!" if each["needed"] else "-")
        lines.append(f"{mark} {each['type']:6} {text(each['name'])}  {text(each['expected'])}")
        if each["verdict"] not in ("ok", "unknown"):
            lines += [] if each["needed"] else [f"  {OPTIONAL[each['purpose']]}"]
            lines.append(f"  {text(each['message'])} [{each['code']}]")
            lines.append(f"  {text(each['hint'])}")
    return lines


def _waits(found: dict[str, Any]) -> str:
    record = found["setup"]["waiting_for"]
    return f"{record['type']} {record['name']}" if record else "-"
