"""`flask deploys`: the versions of a site, and the way back to an earlier one."""

from typing import Any

import rich_click as click

from app.cli.asking import asks, at_most
from app.cli.output import Output, fields, problem, table, when
from app.cli.platform import Platform, at
from app.cli.watching import see_cancelled, see_through

EMPTY = "Nothing was deployed to this site yet: flask deploy DIR --site SLUG."


@click.group("deploys")
def deploys() -> None:
    """Deploys: list, show, cancel, rollback."""


@deploys.command("list")
@click.argument("site")
@at_most(20)
@asks
def list_deploys(platform: Platform, out: Output, site: str, limit: int) -> None:
    """The newest deploys of a site first."""
    found = platform.items(at("sites", site, "deploys"), limit)
    rows = [
        (deploy["number"], deploy["status"], when(deploy["created_at"]), deploy["files"], deploy["id"])
        for deploy in found
    ]
    out.answer(found, table(("#", "status", "asked for", "files", "id"), rows, EMPTY))


@deploys.command("show")
@click.argument("deploy_id", metavar="ID")
@asks
def show_deploy(platform: Platform, out: Output, deploy_id: str) -> None:
    """One deploy."""
    deploy = platform.get(at("deploys", deploy_id))
    out.answer(deploy, about(deploy))


@deploys.command("cancel")
@click.argument("deploy_id", metavar="ID")
@click.option("--watch/--no-watch", default=True, help="Show what happens until it is over. [default: watch]")
@asks
def cancel_deploy(platform: Platform, out: Output, deploy_id: str, watch: bool) -> None:
    """End a deploy that is not published yet. Watched, it exits 0 once nothing of it is at work any more."""
    deploy = platform.post(at("deploys", deploy_id, "cancel"))
    out.say(f"Cancelling {deploy['site']} #{deploy['number']}.")
    if watch:
        see_cancelled(platform, out, deploy["flow"])
        deploy = platform.get(at("deploys", deploy_id))
    out.answer(deploy, about(deploy) if watch else [f"See: flask flows show {deploy['flow']}"])


@deploys.command("rollback")
@click.argument("site")
@click.argument("deploy_id", metavar="[ID]", required=False)
@click.option("--reason", help="Why; it is kept and shown.")
@click.option("--watch/--no-watch", default=True, help="Show what happens until it is over. [default: watch]")
@asks
def roll_back(platform: Platform, out: Output, /, site: str, watch: bool, **wish: str | None) -> None:
    """Serve an earlier deploy again: the one with this ID, else the one before the live one."""
    target = platform.post(at("sites", site, "rollback"), deploy=wish["deploy_id"], reason=wish["reason"])
    out.say(f"Going back to {site} #{target['number']}.")
    if watch:
        see_through(platform, out, target)
    else:
        out.answer(target, [f"See: flask flows show {target['flow']}"])


def about(deploy: dict[str, Any]) -> list[str]:
    """A deploy in lines."""
    known = fields(
        {
            "id": deploy["id"],
            "site": deploy["site"],
            "status": deploy["status"],
            "partial": deploy.get("partial") or None,
            "flow": deploy["flow"],
            "cid": deploy["cid"],
            "files": deploy["files"],
            "bytes": deploy["bytes"],
            "address": deploy["url"],
            "preview": deploy["preview_url"],
            "asked for": when(deploy["created_at"]),
            "published": deploy["published_at"] and when(deploy["published_at"]),
            "completed": deploy["completed_at"] and when(deploy["completed_at"]),
        }
    )
    targets = [f"  {target['status']:<9} {target['id']}" for target in deploy["targets"]]
    failure = deploy["failure"]
    why = problem(failure["code"], failure["message"], failure["hint"]) if failure else []
    notes = [f"Note: {found['message']}" for found in deploy["warnings"]]
    return [*known, *targets, *why, *notes]
