"""`flask sites`: what is served, and under which address."""

from typing import Any

import rich_click as click

from app.cli.asking import asks, at_most
from app.cli.output import Output, fields, table, text, when
from app.cli.platform import Platform, at

EMPTY = "There is no site yet: flask deploy DIR --site SLUG makes one."


@click.group("sites")
def sites() -> None:
    """Sites: list, create, show, rename, lock, unlock, pause, resume, delete."""


@sites.command("list")
@at_most(50)
@asks
def list_sites(platform: Platform, out: Output, limit: int) -> None:
    """The newest sites first."""
    found = platform.items(at("sites"), limit)
    rows = [(site["slug"], site["name"], site["url"], site["live_cid"]) for site in found]
    out.answer(found, table(("slug", "name", "address", "serves"), rows, EMPTY))


@sites.command("create")
@click.argument("slug")
@click.option("--name", help="What people call it.")
@asks
def create_site(platform: Platform, out: Output, slug: str, name: str | None) -> None:
    """Make a site; SLUG becomes part of its address."""
    site = platform.post(at("sites"), slug=slug, name=name)
    out.answer(site, [f"Created {site['slug']}: {site['url']}"])


@sites.command("show")
@click.argument("slug")
@asks
def show_site(platform: Platform, out: Output, slug: str) -> None:
    """One site."""
    site = platform.get(at("sites", slug))
    out.answer(site, _about(site))


@sites.command("rename")
@click.argument("slug")
@click.argument("name")
@asks
def rename_site(platform: Platform, out: Output, slug: str, name: str) -> None:
    """Give a site another NAME for people; its address stays."""
    site = platform.patch(at("sites", slug), name=name)
    out.answer(site, _about(site))


@sites.command("lock")
@click.argument("slug")
@click.option("--reason", help="Kept and shown.")
@asks
def lock_site(platform: Platform, out: Output, slug: str, reason: str | None) -> None:
    """Refuse new deploys of a site; what is live stays."""
    site = platform.put(at("sites", slug, "lock"), reason=reason)
    out.answer(site, _about(site))


@sites.command("unlock")
@click.argument("slug")
@asks
def unlock_site(platform: Platform, out: Output, slug: str) -> None:
    """Take on deploys of a site again."""
    platform.delete(at("sites", slug, "lock"))
    out.answer({"unlocked": slug}, [f"{slug} takes deploys again."])


@sites.command("pause")
@click.argument("slug")
@click.option("--reason", help="Kept and shown.")
@asks
def pause_site(platform: Platform, out: Output, slug: str, reason: str | None) -> None:
    """Serve nothing of a site but that it is paused."""
    site = platform.put(at("sites", slug, "pause"), reason=reason)
    out.answer(site, _about(site))


@sites.command("resume")
@click.argument("slug")
@asks
def resume_site(platform: Platform, out: Output, slug: str) -> None:
    """Serve a site again."""
    platform.delete(at("sites", slug, "pause"))
    out.answer({"resumed": slug}, [f"{slug} is served again."])


@sites.command("delete")
@click.argument("slug")
@click.option("--yes", is_flag=True, help="Do not ask.")
@asks
def delete_site(platform: Platform, out: Output, slug: str, yes: bool) -> None:
    """Stop serving a site and free its slug."""
    if not yes:
        click.confirm(f"Delete {slug}? It is served no longer, what is under way is cancelled", abort=True)
    platform.delete(at("sites", slug))
    out.answer({"deleted": slug}, [f"Deleted {slug}."])


def _about(site: dict[str, Any]) -> list[str]:
    return fields(
        {
            "slug": site["slug"],
            "name": site["name"],
            "address": site["url"],
            "live deploy": site["live_deploy"],
            "live cid": site["live_cid"],
            "created": when(site["created_at"]),
        }
        | {name: _gate(gate) for name, gate in site["gates"].items()}
    )


def _gate(gate: dict[str, Any]) -> str:
    return f"since {when(gate['since'])}, by {text(gate['by'])}" + (
        f": {text(gate['reason'])}" if gate["reason"] else ""
    )
