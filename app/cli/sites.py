"""`flask sites`: what is served, and under which address."""

from typing import Any

import rich_click as click

from app.cli.asking import asks, at_most
from app.cli.output import Output, fields, table, when
from app.cli.platform import Platform, at

EMPTY = "There is no site yet: flask deploy DIR --site SLUG makes one."


@click.group("sites")
def sites() -> None:
    """Sites: list, create, show, rename, delete."""


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
    )
