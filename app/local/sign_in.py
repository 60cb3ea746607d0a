"""`python -m app.local.sign_in`: prints a link that signs its first visitor in, as `flask sign-in-link` does.

Apart because it loads a third of what `flask` loads, beside a start that has to be quick.
"""

import sys

from app.commands.sign_in import make_sign_in_link
from app.engine import recording
from app.errors import NotFound
from config.settings import get_settings


def main() -> int:
    """The exit code: 1 when there is no admin token that a link could stand for."""
    try:
        with recording("local start") as log:
            link = make_sign_in_link(log, get_settings().public_url)
    except NotFound:
        return 1
    print(link)
    return 0


if __name__ == "__main__":
    sys.exit(main())
