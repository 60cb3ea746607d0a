"""What Domains does for names of people's own: look at their records, have them certified, remind."""

from collections.abc import Callable, Sequence
from hashlib import sha256
from json import dumps
from typing import Any

from app.dns.diagnosis import diagnose
from app.dns.records import expected_records
from app.engine import Failure, action, current, now, reading
from app.models import certificates, setups, sites
from app.models.setups import Setup, needed
from app.services.acme import is_automatic
from app.services.dns import observer, ours
from app.signals.certificates import DomainCertificateRequested
from app.signals.domains import (
    STEPS,
    DomainAdded,
    DomainCertificateHandedOver,
    DomainDnsConfigured,
    DomainMisconfigured,
    DomainReconfigured,
    DomainRecordsObserved,
    DomainSetupAdvanced,
    DomainSetupCompleted,
    DomainSetupStalled,
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
)
Certifying = DomainCertificateRequested | DomainCertificateHandedOver | DomainSetupAdvanced
Facts = list[Any]


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
    return _decision(setup.id, found, apex)


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
def remind(event: DomainSetupAdvanced) -> DomainSetupStalled | None:
    """Name the one record for which a set-up has waited since the event."""
    setup = setups.get(current().db, event.domain_id)
    step: Step | None = next(iter(event.remaining), None)
    if setup is None or setup.step != step or step is None:
        return None
    waited = round((now() - setup.step_at).total_seconds())
    missing = next((each for each in needed(setup, setup.records) if each["verdict"] != "ok"), None)
    certificate = certificates.get(current().db, setup.id) if step == "certify" else None
    if certificate is not None and certificate.failure is not None:
        failure = Failure.model_validate({**certificate.failure, "stage": step})
    else:
        failure = _waits_for(setup, step, missing)
    return DomainSetupStalled(
        **setup.about(), step=step, since_s=waited, waiting_for=missing, failure=failure
    )


def _waits_for(setup: Setup, step: Step, missing: dict[str, Any] | None) -> Failure:
    """The one record that a step waits for, as a failure."""
    return Failure(
        code=missing["code"] if missing else "no_answer",
        stage=step,
        message=missing["message"] if missing else f"Nothing is known about {setup.hostname} yet.",
        hint=missing["hint"] if missing else "Look whether the workers run: flask doctor.",
        evidence={"record": missing["name"], "type": missing["type"]} if missing else {},
    )


def advanced(setup: Setup, step: Step) -> DomainSetupAdvanced:
    """That a step of a set-up is done."""
    index = STEPS.index(step)
    return DomainSetupAdvanced(**setup.about(), step=step, index=index, remaining=STEPS[index + 1 :])


def _decision(domain_id: str, found: list[dict[str, Any]], apex: bool) -> Callable[[], list[News] | None]:
    """What is new, judged by what the set-up is when that is recorded."""

    def decide() -> Facts | None:
        setup = setups.get(current().db, domain_id)
        if setup is None:
            return None
        digest = _digest(found)
        facts: Facts = []
        if (digest, apex) != (setup.digest, setup.apex):
            wait = min((each["wait"] for each in found if each["verdict"] != "ok"), default=3600)
            seen: dict[str, Any] = {"records": tuple(found), "digest": digest, "apex": apex, "wait_s": wait}
            facts.append(DomainRecordsObserved(**setup.about(), **seen))
        return [*facts, *_progress(setup, found)]

    return decide


def _digest(found: Sequence[dict[str, Any]]) -> str:
    """The same while nothing but times changes."""
    said = [{name: value for name, value in each.items() if name != "wait"} for each in found]
    return sha256(dumps(said, sort_keys=True).encode()).hexdigest()


def _progress(setup: Setup, found: Sequence[dict[str, Any]]) -> Facts:
    """The steps that can be done now, one after the other; of a name that is set up what has changed."""
    verdicts = {each["subject"]: each["verdict"] for each in found}
    about, facts = setup.about(), Facts()
    proven = setup.ownership == "proven" or verdicts["ownership"] == "ok"
    if setup.step == "prove" and proven:
        facts += [DomainVerified(**about, method="dns_txt"), advanced(setup, "prove")]
    leads = verdicts["routing"] == "ok" and (setup.mode != "delegated" or verdicts.get("dnslink") == "ok")
    if setup.routing == "unset" and proven and leads:
        elapsed = round((now() - setup.added_at).total_seconds())
        facts += [advanced(setup, "point"), DomainDnsConfigured(**about, elapsed_s=elapsed)]
    elif setup.routing == "configured" and verdicts["routing"] not in ("ok", "unanswered"):
        facts.append(_misconfigured(setup, found))
    elif setup.routing == "broken" and verdicts["routing"] == "ok":
        facts.append(DomainReconfigured(**about))
    return facts


def _misconfigured(setup: Setup, found: Sequence[dict[str, Any]]) -> DomainMisconfigured:
    issues = tuple(each for each in found if each["subject"] == "routing")
    return DomainMisconfigured(**setup.about(), issues=issues)
