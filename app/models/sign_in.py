"""One-time codes by which a person signs in without typing a token. Not a fold: a code is a secret.

Only digests are kept, and a code that was used or is too old is gone.
"""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import Column, Connection, String, Table, delete, insert

from app.engine import Timestamp, metadata
from app.models.credentials import digest_of

#: How long a code waits to be used.
GOOD_FOR = timedelta(minutes=15)

sign_in_codes = Table(
    "sign_in_codes",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("token_id", String(36), nullable=False),
    Column("expires_at", Timestamp(), nullable=False, index=True),
)


def issue(db: Connection, token_id: str, now: datetime) -> str:
    """A new code that signs its first bearer in as this token."""
    code = secrets.token_urlsafe(24)
    expires_at = now + GOOD_FOR
    db.execute(insert(sign_in_codes).values(digest=digest_of(code), token_id=token_id, expires_at=expires_at))
    return code


def redeem(db: Connection, code: str, now: datetime) -> str | None:
    """The token that a code stands for, once; None when it is unknown, used or too old."""
    db.execute(delete(sign_in_codes).where(sign_in_codes.c.expires_at < now))
    used = delete(sign_in_codes).where(sign_in_codes.c.digest == digest_of(code))
    return db.execute(used.returning(sign_in_codes.c.token_id)).scalar()
