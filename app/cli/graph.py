"""`flask graph`: the map of what is declared, and what looks like a mistake in it."""

import rich_click as click

from app.cli.asking import asks, prints
from app.cli.output import Output
from app.cli.platform import Platform, at
from app.engine import graph as declared
from app.errors import Conflict


@click.group("graph")
def graph() -> None:
    """The graph of events, listeners and actions: show, lint."""


@graph.command("show")
@click.option("--format", "form", type=click.Choice(("mermaid", "json")), default="mermaid")
@click.option("--flow", metavar="KIND", help="Only what such a flow can come to: deploy, rollback, ...")
@asks
def show_graph(platform: Platform, out: Output, form: str, flow: str | None) -> None:
    """Which events lead to which actions, and what these record."""
    if form == "json" or out.as_json:
        Output(as_json=True).answer(platform.get(at("graph")), [])
    else:
        click.echo(platform.text(at("graph"), format="mermaid", flow=flow).rstrip())


@graph.command("lint")
@prints
def lint(out: Output) -> None:
    """What looks like a mistake in the workflows here. Exit 1 when something does."""
    found = declared.lint()
    if found:
        raise Conflict("graph_suspicious", "\n".join(found), "See the workflows that it names.")
    out.answer({"found": []}, ["Nothing looks like a mistake."])
