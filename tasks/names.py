"""What Domains does for names of people's own: look at their records, have them certified, remind."""

from collections.abc import Callable
from typing import Any

from app.dns.diagnosis import diagnose
from app.dns.records import expected_records
from app.engine import Failure, action, current, now, reading
from app.models import certificates, setups, sites
from app.models.setup_facts import advanced, news
from app.models.setups import Setup, missing
from app.services.acme import is_automatic
from app.services.dns import observer, ours
from app.signals.certificates import DomainCertificateRequested
from app.signals.domains import (
    DomainAdded,
    DomainCertificateHandedOver,
    DomainDnsConfigured,
    DomainMisconfigured,
    DomainOwnershipLapsed,
    DomainReconfigured,
    DomainRecordsObserved,
    DomainSetupAdvanced,
    DomainSetupCompleted,
    DomainSetupResumed,
    DomainSetupStalled,
    DomainVerificationFailed,
    DomainVerificationRequested,
    DomainVerified,
    Step,
)

News = (
    DomainRecordsObserved
    | DomainVerified
    | DomainDnsConfigured
    | DomainSetupAdvanced
    | DomainMisconfigured
    | DomainReconfigured
    | DomainSetupResumed
    | DomainVerificationFailed
    | DomainOwnershipLapsed
)
Certifying = DomainCertificateRequested | DomainCertificateHandedOver | DomainSetupAdvanced


@action(service="dns", attempts=2, time_limit=90)
def look_up(event: DomainAdded | DomainVerificationRequested) -> Callable[[], list[News] | None] | None:
    """Look at a name's records, from both sides, and say what is new."""
    with reading() as db:
        setup = setups.get(db, event.domain_id)
        site = sites.get(db, event.site_id)
    if setup is None or site is None:
        return None
    look = observer()
    apex, link = look.apex(setup.hostname), f"/ipfs/{site.live_cid}" if site.live_cid else ""
    records = expected_records(setup.hostname, setup.owner, ours(), apex=apex, dnslink=link)
    seen = look.observe(setup.hostname, records)
    found = [diagnose(record, seen).as_data() for record in records]
    asked = isinstance(event, DomainVerificationRequested) and event.by == "user"
    return _decision(setup.id, found, apex=apex, asked=asked)


@action()
def certify(event: DomainDnsConfigured) -> list[Certifying] | None:
    """Order a certificate, or leave that to the proxy in front, which may ask whether it is to get one."""
    setup = setups.get(current().db, event.domain_id)
    if setup is None or setup.step != "certify":
        return None
    if is_automatic():
        return [DomainCertificateRequested(**setup.about(), sans=(setup.hostname,), by="setup")]
    return [advanced(setup, "certify"), DomainCertificateHandedOver(**setup.about())]


@action()
def go_live(event: DomainAdded) -> list[DomainSetupAdvanced | DomainSetupCompleted] | None:
    """Say that a name is set up, once all that it waited for has come."""
    setup = setups.get(current().db, event.domain_id)
    if setup is None or setup.step != "live":
        return None
    elapsed = round((now() - setup.added_at).total_seconds())
    return [advanced(setup, "live"), DomainSetupCompleted(**setup.about(), elapsed_s=elapsed)]


@action()
def remind(event: DomainSetupAdvanced | DomainSetupResumed) -> DomainSetupStalled | None:
    """Name the one record for which a set-up has waited since the event, and nobody has come back since."""
    setup = setups.get(current().db, event.domain_id)
    step = event.step if isinstance(event, DomainSetupResumed) else next(iter(event.remaining), None)
    if setup is None or step is None or setup.step != step:
        return None
    if setup.resumed_at is not None and setup.resumed_at > event.recorded.time:
        return None
    waited = round((now() - setup.step_at).total_seconds())
    record = missing(setup, setup.records)
    certificate = certificates.get(current().db, setup.id) if step == "certify" else None
    if certificate is not None and certificate.failure is not None:
        failure = Failure.model_validate({**certificate.failure, "stage": step})
    else:
        failure = _waits_for(setup, step, record)
    return DomainSetupStalled(**setup.about(), step=step, since_s=waited, waiting_for=record, failure=failure)


def _waits_for(setup: Setup, step: Step, record: dict[str, Any] | None) -> Failure:
    """The one record that a step waits for, as a failure."""
    return Failure(
        code=record["code"] if record else "no_answer",
        stage=step,
        message=record["message"] if record else f"Nothing is known about {setup.hostname} yet.",
        hint=record["hint"] if record else "Look whether the workers run: flask doctor.",
        evidence={"record": record["name"], "type": record["type"]} if record else {},
    )


def _decision(
    domain_id: str, found: list[dict[str, Any]], *, apex: bool, asked: bool
) -> Callable[[], list[News] | None]:
    """What is new, judged by what the set-up is when that is recorded."""

    def decide() -> list[Any] | None:
        setup = setups.get(current().db, domain_id)
        return None if setup is None else news(setup, found, apex=apex, asked=asked, now=now())

    return decide
