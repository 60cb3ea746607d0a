"""`flask sign-in-link`: an address that signs its first visitor in, for whoever runs this installation."""

import rich_click as click
from flask import current_app

from app.cli.asking import prints
from app.cli.output import Output
from app.commands.sign_in import make_sign_in_link
from app.engine import recording


@click.command("sign-in-link")
@prints
def sign_in_link(out: Output) -> None:
    """Print a link that signs you in to the pages, once."""
    with recording("cli") as log:
        link = make_sign_in_link(log, current_app.config["PUBLIC_URL"])
    out.answer({"url": link}, [link])
