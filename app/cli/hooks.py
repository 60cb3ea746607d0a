"""`flask hooks`: the addresses by which a CI system deploys without a token."""

import rich_click as click

from app.cli.asking import asks
from app.cli.output import Output, table, when
from app.cli.platform import Platform, at

EMPTY = "The site has no deploy hook: flask hooks create SITE NAME makes one."


@click.group("hooks")
def hooks() -> None:
    """Deploy hooks: list, create, delete."""


@hooks.command("list")
@click.argument("site")
@asks
def list_hooks(platform: Platform, out: Output, site: str) -> None:
    """The deploy hooks of a site."""
    found = platform.items(at("sites", site, "deploy-hooks"), 200)
    rows = [(hook["id"], hook["name"], when(hook["created_at"])) for hook in found]
    out.answer(found, table(("id", "name", "created"), rows, EMPTY))


@hooks.command("create")
@click.argument("site")
@click.argument("name")
@asks
def create_hook(platform: Platform, out: Output, site: str, name: str) -> None:
    """Make a deploy hook called NAME and print its address, once."""
    hook = platform.post(at("sites", site, "deploy-hooks"), name=name)
    note = "Whoever knows this address can deploy. It is shown this once:"
    out.answer(hook, [note, hook["url"], f"Use it: curl -F archive=@site.tar.gz {hook['url']}"])


@hooks.command("delete")
@click.argument("site")
@click.argument("hook_id", metavar="ID")
@asks
def delete_hook(platform: Platform, out: Output, site: str, hook_id: str) -> None:
    """Delete a deploy hook: its address answers no longer."""
    platform.delete(at("sites", site, "deploy-hooks", hook_id))
    out.answer({"deleted": hook_id}, [f"Deleted {hook_id}."])
