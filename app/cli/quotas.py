"""`flask quotas`: how much may be used in a day or a month."""

from typing import Any

import rich_click as click

from app.cli.asking import asks, at_most
from app.cli.output import Output, fields, table, text, when
from app.cli.platform import Platform, at

EMPTY = "There is no quota: flask quotas set METER LIMIT --window month makes one."

_thresholds = click.option(
    "--at", "thresholds", type=int, multiple=True, metavar="PERCENT", help="Tell at this much; repeatable."
)


@click.group("quotas")
def quotas() -> None:
    """Quotas: list, set, show, change, delete. They stop nothing by themselves: listeners answer them."""


@quotas.command("list")
@at_most(50)
@asks
def list_quotas(platform: Platform, out: Output, limit: int) -> None:
    """The newest quotas first, and how much of each is used."""
    found = platform.items(at("quotas"), limit)
    head = ("id", "of", "meter", "window", "used", "limit", "percent")
    out.answer(found, table(head, map(_row, found), EMPTY))


@quotas.command("set")
@click.argument("meter")
@click.argument("limit", type=int)
@click.option("--window", type=click.Choice(["day", "month"]), default="month", show_default=True)
@click.option("--site", metavar="SLUG", help="Of this site. [default: of everything]")
@_thresholds
@asks
def set_quota(platform: Platform, out: Output, /, thresholds: tuple[int, ...], **asked: Any) -> None:
    """Allow LIMIT of METER in a day or a month."""
    quota = platform.post(at("quotas"), **asked, thresholds=list(thresholds) or None)
    out.answer(quota, _about(quota))


@quotas.command("show")
@click.argument("quota_id", metavar="ID")
@asks
def show(platform: Platform, out: Output, quota_id: str) -> None:
    """One quota."""
    quota = platform.get(at("quotas", quota_id))
    out.answer(quota, _about(quota))


@quotas.command("change")
@click.argument("quota_id", metavar="ID")
@click.option("--limit", type=int, help="Allow so much.")
@_thresholds
@asks
def change(
    platform: Platform, out: Output, /, quota_id: str, limit: int | None, thresholds: tuple[int, ...]
) -> None:
    """Allow more or less, or tell at other thresholds."""
    wanted = {"limit": limit, "thresholds": list(thresholds) or None}
    quota = platform.patch(at("quotas", quota_id), **{k: v for k, v in wanted.items() if v is not None})
    out.answer(quota, _about(quota))


@quotas.command("delete")
@click.argument("quota_id", metavar="ID")
@asks
def delete(platform: Platform, out: Output, quota_id: str) -> None:
    """Allow any amount again."""
    platform.delete(at("quotas", quota_id))
    out.answer({"deleted": quota_id}, [f"Deleted {quota_id}."])


def _row(quota: dict[str, Any]) -> tuple[Any, ...]:
    known = (quota[name] for name in ("meter", "window", "used", "limit", "percent"))
    return (quota["id"], text(quota["site"] or "everything"), *known)


def _about(quota: dict[str, Any]) -> list[str]:
    said = {name: quota[name] for name in ("id", "meter", "limit", "unit", "window")}
    said |= {"of": quota["site"] or "everything", "used": f"{quota['used']} ({quota['percent']} %)"}
    said |= {"since": quota["since"], "exceeded": "yes" if quota["exceeded"] else "no"}
    told = ", ".join(f"{each} %" for each in quota["thresholds"])
    return fields(said | {"told at": told, "changed": when(quota["changed_at"])})
