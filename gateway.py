"""The process that serves the deployed sites, on an origin of their own. Gunicorn serves it with gevent."""

from urllib.parse import urlsplit

import structlog

from app.commands.integrity import report_integrity_failure
from app.engine import Failure, faults, now, reading, recording
from app.engine.discovery import discover
from app.engine.health import DatabaseAway
from app.errors import RetryableError
from app.gateway.blocks import IntegrityProblem
from app.gateway.challenges import challenged
from app.gateway.wsgi import Live, create_gateway
from app.models import certificates, domains, integrity, sites
from app.services.storage import open_storage
from app.services.traffic import open_traffic
from app.signals.storage import IntegrityFailed
from config.settings import settings_or_exit

log = structlog.get_logger()


def live(name: str) -> Live | None:
    """What the site of a slug, or of a name of its own, serves. RetryableError without the database."""
    try:
        with reading() as db:
            slug = domains.live_at(db, name) if "." in name else name
            found = sites.live(db, slug) if slug else None
            return None if found is None else Live(*found)
    except DatabaseAway as error:
        raise away() from error


def shown(host: str, token: str) -> str | None:
    """What a certificate authority is shown for a host name. RetryableError without the database."""
    try:
        with reading() as db:
            return certificates.shown(db, host, token)
    except DatabaseAway as error:
        raise away() from error


def away() -> RetryableError:
    """The error for a database that does not answer."""
    message, hint = "The database does not answer.", "Try again in a few seconds."
    return RetryableError("database_unavailable", message, hint)


def is_news(lost: IntegrityFailed) -> bool:
    """Whether the loss of this block has not been told yet, or long ago."""
    with reading() as db:
        return integrity.is_due(db, lost.digest, now())


def report(problem: IntegrityProblem) -> None:
    """Record that a block is lost, unless that is known; when it cannot be done, a later reader tells it
    again.
    """
    failure = Failure(
        code=problem.code,
        stage="read",
        message=problem.message,
        hint=problem.hint,
        evidence=dict(problem.evidence),
    )
    lost = IntegrityFailed(
        digest=problem.digest, cid=problem.cid, path=problem.path, site=problem.site, failure=failure
    )
    try:
        if is_news(lost):  # asked first without any lock: a crowd of readers must not queue for one
            with recording("system:gateway") as work:
                report_integrity_failure(work, lost)
    except DatabaseAway as error:
        log.error("could not record a lost block", digest=problem.digest, error=str(error))


settings = settings_or_exit()
discover("app.models", "tasks", "workflows")
faults.install_from_environment()
host = urlsplit(settings.gateway_url).hostname or ""
app = challenged(create_gateway(open_storage(), live, report, host, open_traffic()), shown)
