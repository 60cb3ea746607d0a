"""`python -m app.local.sign_in`: prints a link that signs its first visitor in, as `flask sign-in-link` does.

Apart because it loads a third of what `flask` loads, beside a start that has to be quick.
"""

import sys

from app.engine import recording
from app.models import sign_in, tokens
from config.settings import get_settings


def main() -> int:
    """The exit code: 1 when there is no admin token that a link could stand for."""
    with recording("local start") as log:
        token = tokens.first_admin(log.db)
        code = sign_in.issue(log.db, token.id, log.now) if token else ""
    if code:
        print(f"{get_settings().public_url}/sign-in?code={code}")
    return 0 if code else 1


if __name__ == "__main__":
    sys.exit(main())
