"""What Certificates does with an order: take it up, show what is asked for, fetch the chain, install it."""

from collections.abc import Callable
from typing import Any

from app.dns.records import CHALLENGE_LABEL, delegated_name
from app.engine import action, current, now, reading
from app.engine.cloudevents import spelt
from app.errors import RetryableError
from app.models import certificates, setups
from app.services.acme import is_automatic, open_authority
from app.services.acme.port import Challenge
from app.services.certs import open_certs
from app.services.dns import own_zone, text_at, zone_name
from app.services.dns.port import Change
from app.signals.certificates import (
    DomainCertificateChallengePresented,
    DomainCertificateCleared,
    DomainCertificateExpiring,
    DomainCertificateFailed,
    DomainCertificateInstalled,
    DomainCertificateIssued,
    DomainCertificateOrdered,
    DomainCertificateRenewed,
    DomainCertificateRequested,
)
from app.signals.domains import STEPS, DomainSetupAdvanced, DomainVerificationRequested

#: Seconds between the attempts to reach the authority, and between its answers while it looks and signs.
ASKED, LOOKED = (2, 15, 60, 240), (1, 1, 2, 2, 3, 5, 10, 20, 30, 60, 120, 300)
#: Seconds in which all servers of our zone have to have what is shown; and those to take it away again.
SHOWN, CLEARED = (1, 2, 5, 20, 60, 180), (5, 60, 600, 3600)
TTL = 60
#: In every so many attempts the authority is told to look: in the first, and lest that was never heard.
TOLD = 4
#: What the disk may do to files: full, read-only, gone.
DISK: dict[type[Exception], str] = {OSError: "certificate_files"}
Installed = list[DomainSetupAdvanced | DomainCertificateInstalled | DomainCertificateRenewed]


@action(service="acme", fails_with=DomainCertificateFailed, pauses=ASKED, time_limit=120, retry_on=DISK)
def order(event: DomainCertificateCleared) -> DomainCertificateOrdered | None:
    """Order a certificate, or go on with the order that somebody made who died or gave up."""
    with reading() as db:
        setup = setups.get(db, event.domain_id)
    if setup is None:
        return None
    certs, authority = open_certs(), open_authority()
    request = certs.request(event.hostname)
    url = certs.order(event.hostname)
    if not url or not authority.is_open(url):
        current().check()
        url = authority.order(request)
        certs.note_order(event.hostname, url)
    shown = next(iter(authority.challenges(url, event.challenge_type)), None)
    by_text = shown is not None and event.challenge_type == "dns-01"
    fqdn = delegated_name(CHALLENGE_LABEL, setup.owner, zone_name()) if by_text else ""
    return DomainCertificateOrdered(**event.model_dump(), order_url=url, fqdn=fqdn, **_fields(shown, by_text))


@action(service="dns", fails_with=DomainCertificateFailed, stage="present", pauses=SHOWN, time_limit=60)
def present(event: DomainCertificateOrdered) -> DomainCertificateChallengePresented:
    """Let it be seen: the gateway shows it already; our own zone is written, until all its servers say so."""
    if event.fqdn:
        own_zone().replace(Change(name=event.fqdn, type="TXT", values=(event.text,), ttl=TTL))
        finding = text_at(event.fqdn, event.text)
        if not finding.ok and finding.verdict != "stale_cache":
            raise RetryableError(finding.code, finding.message, finding.hint)
    return DomainCertificateChallengePresented(**event.model_dump())


@action(
    service="acme",
    fails_with=DomainCertificateFailed,
    stage="validate",
    pauses=LOOKED,
    time_limit=120,
    retry_on=DISK,
)
def obtain(event: DomainCertificateChallengePresented) -> DomainCertificateIssued | None:
    """Let the authority look, and do what it wants next, until there is a chain. Twice is harmless."""
    with reading() as db:
        if certificates.get(db, event.domain_id) is None:
            return None
    certs, authority = open_certs(), open_authority()
    look = current().attempt % TOLD == 1
    chain = authority.advance(event.order_url, certs.request(event.hostname), event.challenge_type, look=look)
    if chain is None:
        hint = "Nothing to do: the order is gone on with."
        raise RetryableError("acme_pending", "The certificate authority has not decided yet.", hint)
    found = certs.keep(event.hostname, chain)
    times: dict[str, Any] = {name: spelt(getattr(found, name)) for name in ("not_before", "not_after")}
    said = event.model_dump() | {"issuer": found.issuer, "serial": found.serial, "sans": found.names}
    return DomainCertificateIssued(**said, **times)


@action(service="certs", fails_with=DomainCertificateFailed, pauses=(1, 10, 60), retry_on=DISK)
def install(event: DomainCertificateIssued) -> Callable[[], Installed | None]:
    """Let the proxy in front find it, in one act. Twice is harmless."""
    open_certs().install(event.hostname, event.serial)

    def decide() -> Installed | None:
        db = current().db
        setup, found = setups.get(db, event.domain_id), certificates.get(db, event.domain_id)
        if setup is None or found is None:  # removed meanwhile, perhaps before there were files
            open_certs().remove(event.hostname)
            return None
        facts: Installed = [DomainCertificateInstalled(**event.model_dump())]
        if setup.step == "certify":
            facts.insert(
                0, DomainSetupAdvanced(**setup.about(), step="certify", index=3, remaining=STEPS[4:])
            )
        if found.serial and found.serial != event.serial:
            facts.append(DomainCertificateRenewed(**event.model_dump(), was=found.serial))
        return facts

    return decide


@action()
def warn(event: DomainCertificateFailed) -> DomainCertificateExpiring | None:
    """Tell, once a day, that what is installed ends soon and cannot be renewed."""
    found = certificates.get(current().db, event.domain_id)
    if found is None or found.not_after is None or found.not_before is None or found.state != "failed":
        return None
    left = found.not_after - now()
    days = left.days  # rounded down: below 0 once it has ended
    if left > (found.not_after - found.not_before) / 4 or days == found.told_days:
        return None
    times: dict[str, Any] = {"not_after": spelt(found.not_after), "days_left": days}
    return DomainCertificateExpiring(
        **found.about(), serial=found.serial, **times, why=event.failure.model_dump(mode="json")
    )


@action()
def try_now(event: DomainVerificationRequested) -> DomainCertificateRequested | None:
    """Order at once what a person wants looked at: as soon as the authority allows another try."""
    db = current().db
    setup, found = setups.get(db, event.domain_id), certificates.get(db, event.domain_id)
    if setup is None or not is_automatic():
        return None
    if found is None and setup.tls == "handed_over":  # there was no authority then
        return DomainCertificateRequested(**setup.about(), sans=(setup.hostname,), by="user")
    soonest = found and certificates.soonest(found)
    return certificates.wanted(db, found, "user") if found and soonest and soonest <= now() else None


@action(service="dns", pauses=CLEARED, time_limit=60)
def clear_challenge(event: DomainCertificateIssued | DomainCertificateFailed) -> None:
    """Take away from our own zone what was shown there, unless somebody shows something else by now."""
    if not event.fqdn or not zone_name():
        return
    zone = own_zone()
    if zone.read(event.fqdn, "TXT") == (event.text,):
        zone.replace(Change(name=event.fqdn, type="TXT", values=(), was=(event.text,)))


def _fields(shown: Challenge | None, by_text: bool) -> dict[str, Any]:
    """What is to be seen, by the one way or the other."""
    if shown is None:
        return {}
    if by_text:
        return {"text": shown.text}
    return {"token": shown.token, "key_authorization": shown.key_authorization}
