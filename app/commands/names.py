"""Names that people give to things, and secrets that nobody could guess."""

import secrets

from app.errors import InvalidInput

LONGEST = 200


def checked_name(name: str, what: str) -> str:
    """The name without blanks around it; `what` bears it. Raises InvalidInput `name_invalid`."""
    name = name.strip()
    if not 0 < len(name) <= LONGEST or not name.isprintable():
        hint = f"Use 1 to {LONGEST} printable characters."
        raise InvalidInput("name_invalid", f"That cannot be the name of {what}.", hint)
    return name


def drawn_secret(_owner: str) -> str:
    """A new secret of 256 random bits."""
    return secrets.token_urlsafe(32)
