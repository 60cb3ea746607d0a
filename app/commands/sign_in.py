"""Making the link that signs its first visitor in."""

from app.engine import Recording
from app.errors import NotFound
from app.models import sign_in, tokens


def make_sign_in_link(log: Recording, public_url: str) -> str:
    """A link under `public_url`, good once and not for long, for whoever runs this installation.

    It stands for the oldest admin token. NotFound `token_not_found` when there is none.
    """
    token = tokens.first_admin(log.db)
    if token is None:
        raise NotFound("token_not_found", "There is no admin token in force.", "Run: flask release")
    return f"{public_url}/sign-in?code={sign_in.issue(log.db, token.id, log.now)}"
