"""`flask tokens`: who may ask for what."""

from typing import Any

import rich_click as click

from app.cli.asking import asks, at_most
from app.cli.output import Output, table, when
from app.cli.platform import Platform, at

SCOPES = ("read", "deploy", "admin")


@click.group("tokens")
def tokens() -> None:
    """Tokens: list, create, revoke."""


@tokens.command("list")
@at_most(50)
@asks
def list_tokens(platform: Platform, out: Output, limit: int) -> None:
    """Tokens in force, the newest first."""
    found = platform.items(at("tokens"), limit)
    rows = [
        (token["id"], token["name"], token["scopes"], token["site"] or "all", when(token["created_at"]))
        for token in found
    ]
    out.answer(found, table(("id", "name", "scopes", "site", "created"), rows, "There is no token."))


@tokens.command("create")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="May be given repeatedly.")
@click.option("--site", help="Good for this site only.")
@asks
def create_token(platform: Platform, out: Output, /, **asked: Any) -> None:
    """Make a token called NAME and print its secret, once. Without --scope it may deploy."""
    scopes = list(asked["scopes"]) or ["read", "deploy"]
    token = platform.post(at("tokens"), name=asked["name"], scopes=scopes, site=asked["site"])
    where = f"on {token['site']}" if token["site"] else "on every site"
    note = f"{token['name']} may {', '.join(token['scopes'])} {where}. The secret is shown this once:"
    out.answer(token, [note, token["token"]])


@tokens.command("revoke")
@click.argument("token_id", metavar="ID")
@asks
def revoke_token(platform: Platform, out: Output, token_id: str) -> None:
    """Make a token good for nothing."""
    platform.delete(at("tokens", token_id))
    out.answer({"revoked": token_id}, [f"Revoked {token_id}."])
