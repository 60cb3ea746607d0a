"""`flask sign-in-link`: an address that signs its first visitor in, for whoever runs this installation."""

import rich_click as click
from flask import current_app

from app.cli.asking import prints
from app.cli.output import Output
from app.engine import recording
from app.errors import NotFound
from app.models import sign_in, tokens


@click.command("sign-in-link")
@prints
def sign_in_link(out: Output) -> None:
    """Print a link that signs you in to the pages, once."""
    with recording("cli") as log:
        token = tokens.first_admin(log.db)
        if token is None:
            raise NotFound("token_not_found", "There is no admin token.", "Run: flask release")
        code = sign_in.issue(log.db, token.id, log.now)
    link = f"{current_app.config['PUBLIC_URL']}/sign-in?code={code}"
    out.answer({"url": link}, [link])
