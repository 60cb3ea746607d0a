"""What Certificates looks at before an authority is asked: that counts failures, and says less of them."""

from collections.abc import Iterator
from typing import Any

from app.dns.diagnosis import diagnose
from app.dns.findings import Finding
from app.dns.observed import Observation
from app.dns.preflight import Authority, caa_finding, dnssec_finding, port80_finding
from app.dns.records import expected_records
from app.engine import action, reading
from app.errors import PermanentError, RetryableError
from app.models import certificates, setups
from app.models.certificates import PROBE
from app.models.setups import Setup
from app.services.acme import open_authority
from app.services.dns import observer, ours, own_zone, port_prober, zone_name
from app.signals.certificates import (
    ChallengeType,
    DomainCertificateCleared,
    DomainCertificateFailed,
    DomainCertificateRequested,
)

PATH = f"/.well-known/acme-challenge/{PROBE}"
#: After so many failures the authority is asked although port 80 is closed for us: from inside a network its
#: own address often is, though not for the world.
TRUSTED = 3


@action(service="dns", fails_with=DomainCertificateFailed, stage="preflight", pauses=(2, 10), time_limit=120)
def look_ahead(event: DomainCertificateRequested) -> DomainCertificateCleared | None:
    """Look at what the authority will look at: CAA, DNSSEC, and port 80 where it comes that way."""
    with reading() as db:
        setup, found = setups.get(db, event.domain_id), certificates.get(db, event.domain_id)
    if setup is None or found is None:
        return None
    known = open_authority().caa_names()
    method, records, seen = _seen(setup)
    for finding in _findings(setup, seen, method, known, records):
        unsure = finding.code == "port80_blocked" and found.failures >= TRUSTED
        if not finding.ok and finding.verdict != "stale_cache" and not unsure:
            kind = RetryableError if finding.verdict == "unanswered" else PermanentError
            said = finding.as_data()
            evidence = {name: said[name] for name in ("name", "type", "authoritative", "resolver")}
            raise kind(finding.code, finding.message, finding.hint, evidence=evidence)
    return DomainCertificateCleared(**event.model_dump(), challenge_type=method)


def _seen(setup: Setup) -> tuple[ChallengeType, dict[str, Finding], Observation]:
    """How the name will be shown: by our own zone where `_acme-challenge` leads there, else the gateway."""
    expected = expected_records(setup.hostname, setup.owner, ours(), apex=setup.apex)
    seen = observer().observe(setup.hostname, expected)
    records: dict[str, Finding] = {record.purpose: diagnose(record, seen) for record in expected}
    delegated = zone_name() and own_zone().name != "manual" and "challenge" in records
    return ("dns-01" if delegated and records["challenge"].ok else "http-01"), records, seen


def _findings(
    setup: Setup, seen: Observation, method: str, known: tuple[str, ...], records: dict[str, Any]
) -> Iterator[Finding]:
    """One after the other, each only looked at when those before are all right."""
    look, host = observer(), setup.hostname
    yield dnssec_finding(seen)
    climbed = look.climb_caa(host)
    caa = [caa_finding(seen, climbed, Authority(name=name, method=method)) for name in known or ("",)]
    yield next((finding for finding in caa if finding.ok), caa[0])
    if method == "http-01":
        yield records["routing"]
        yield port80_finding(seen, port_prober().probe(host, look.addresses(host), PATH, setup.token))
