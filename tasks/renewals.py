"""What Certificates does with what is installed: ask when to renew it, tell the proxy in front, clear up."""

import random
from datetime import datetime, timedelta
from typing import Any

import structlog

from app.engine import action, reading
from app.engine.cloudevents import spelt
from app.errors import PlatformError
from app.models import certificates
from app.models.certificates import Certificate
from app.services.acme import open_authority
from app.services.acme.port import Window
from app.services.certs import open_certs, reload_command
from app.services.certs.reloading import run_reload
from app.signals.certificates import (
    CertificateReloadFailed,
    DomainCertificateInstalled,
    DomainCertificateRemoved,
    DomainCertificateRenewalScheduled,
    DomainCertificateReviewRequested,
)
from app.signals.domains import DomainRemoved

#: The part of its lifetime after which a certificate is renewed, if its authority does not say when.
LIVED = 2 / 3
#: Seconds to the next question where the last one had no answer.
CHECK = 6 * 3600

log = structlog.get_logger()


@action(service="acme", attempts=3, time_limit=60)
def schedule(
    event: DomainCertificateInstalled | DomainCertificateReviewRequested,
) -> DomainCertificateRenewalScheduled | None:
    """Ask the authority when it would like the certificate renewed, and draw a moment of that window."""
    with reading() as db:
        found = certificates.get(db, event.domain_id)
    chain = open_certs().chain(event.hostname)
    if found is None or found.serial != event.serial or chain is None:
        return None
    window, check = _asked(chain, event.hostname)
    ari = {"start": spelt(window.start), "end": spelt(window.end)} if window else None
    is_away = window is None and check > 0
    if found.renew_at and (is_away or (ari == found.ari and check == found.check_s)):
        return None
    renew_at = found.renew_at if found.renew_at and ari == found.ari else _moment(found, window)
    said: dict[str, Any] = {"renew_at": spelt(renew_at), "ari": ari, "check_s": check}
    return DomainCertificateRenewalScheduled(**found.about(), serial=found.serial, **said)


@action(
    service="certs", fails_with=CertificateReloadFailed, stage="reload", pauses=(5, 60, 600), time_limit=60
)
def reload(event: DomainCertificateInstalled | DomainCertificateRemoved) -> None:
    """Let the proxy in front read its files again, by the command that CERTS_RELOAD_COMMAND names."""
    if command := reload_command():
        run_reload(command, event.hostname)


@action(service="certs")
def remove_files(event: DomainRemoved) -> DomainCertificateRemoved | None:
    """Remove the files of a name that was removed, unless it was added again."""
    with reading() as db:
        if certificates.by_name(db, event.hostname) is not None:
            return None
    about = event.model_dump(include={"site_id", "site", "domain_id", "hostname"})
    return DomainCertificateRemoved(**about) if open_certs().remove(event.hostname) else None


def _asked(chain: str, host: str) -> tuple[Window | None, int]:
    """The window, if there is one, and after how many seconds to ask again; 0: never."""
    try:
        window = open_authority().renewal_window(chain)
    except PlatformError as error:  # the renewal does not depend on it
        log.warning("renewal window is not known", hostname=host, code=error.code, error=error.message)
        return None, CHECK
    return window, window.check_s if window else 0


def _moment(found: Certificate, window: Window | None) -> datetime:
    """When to renew: any moment of the window (RFC 9773 §4.2), else when two thirds of its life are over."""
    if window is not None:
        length = (window.end - window.start).total_seconds()
        return window.start + timedelta(seconds=random.uniform(0, length))  # noqa: S311 - no secret
    if found.not_before is None or found.not_after is None:  # of nothing that is installed
        raise LookupError(f"{found.hostname} has no certificate")
    return found.not_before + (found.not_after - found.not_before) * LIVED
