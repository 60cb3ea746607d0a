"""What is told of a host name: its states, the step that it waits at, and its records with what is wrong."""

from typing import Any, Literal
from urllib.parse import urlsplit

from flask import current_app
from pydantic import BaseModel

from app.api.certificates import CertificateAnswer, certificate_said
from app.api.dnslinks import DnsLinkAnswer, link_said
from app.api.requests import Moment
from app.dns.records import Ours, expected_records, record_types
from app.models.certificates import Certificate
from app.models.dnslinks import DnsLink
from app.models.setups import Setup, Tls, is_needed, missing
from app.signals.domains import STEPS


class RecordAnswer(BaseModel):
    """A record. `found` is what the name's own servers say, `resolver` what a public one does. What is not
    `needed` can be left away: visitors come without it.

    `verdict` is `ok`, or says what is wrong, by `code`; `hint` what to do. Before anybody has looked it is
    `unknown`.
    """

    purpose: str
    needed: bool
    name: str
    type: str
    expected: list[str]
    found: list[str]
    resolver: list[str]
    verdict: str
    code: str
    message: str
    hint: str


class SetupAnswer(BaseModel):
    """Which `step` comes next (`""` when all are done), and the one record that it waits for."""

    step: str
    index: int
    of: int
    stalled_at: Moment | None
    waiting_for: RecordAnswer | None


class DomainAnswer(BaseModel):
    """A host name: three states, which do not depend on each other, one word for them all, and the records.

    `next_check_at` is when its records are looked at next without anybody asking; `asked_at` is when a person
    last wanted that, and has the answer once `observed_at` is not before it. There is a `dnslink` once
    something was deployed, where `_dnslink` is delegated to our zone.
    """

    hostname: str
    unicode: str
    site: str
    mode: str
    ownership: Literal["unproven", "proven", "lapsed"]
    routing: Literal["unset", "configured", "broken"]
    tls: Tls
    badge: str
    certificate: CertificateAnswer | None
    dnslink: DnsLinkAnswer | None
    setup: SetupAnswer
    records: list[RecordAnswer]
    flow: str
    added_at: Moment
    asked_at: Moment | None
    observed_at: Moment | None
    next_check_at: Moment | None


def ours() -> Ours:
    """What belongs to this installation, as the settings say."""
    config = current_app.config
    addresses = tuple(filter(None, config["GATEWAY_ADDRESSES"].split(",")))
    gateway = urlsplit(config["GATEWAY_URL"]).hostname or ""
    return Ours(gateway=gateway, addresses=addresses, zone=config["DNS_ZONE"])


def said(setup: Setup, certificate: Certificate | None, link: DnsLink | None) -> Any:
    """A host name, the certificate that we get for it, and its DNSLink, in plain JSON values."""
    records = setup.records or _unseen(setup)
    record = missing(setup, records)
    index = STEPS.index(setup.step) if setup.step else len(STEPS)
    waiting = None if setup.is_done or record is None else _record(setup, record)
    step = {"step": setup.step, "index": index, "of": len(STEPS), "stalled_at": setup.stalled_at}
    names = ("hostname", "unicode", "site", "mode", "ownership", "routing", "tls", "badge", "flow")
    return DomainAnswer(
        **{name: getattr(setup, name) for name in (*names, "added_at", "asked_at", "observed_at")},
        next_check_at=setup.deadline_at,
        certificate=certificate_said(certificate) if certificate else None,
        dnslink=link_said(link) if link else None,
        setup=SetupAnswer.model_validate(step | {"waiting_for": waiting}),
        records=[_record(setup, each) for each in records],
    ).model_dump(mode="json")


def _record(setup: Setup, found: dict[str, Any]) -> RecordAnswer:
    same = {name: found[name] for name in ("name", "type", "expected", "resolver", "verdict", "code")}
    said = {"purpose": found["subject"], "found": found["authoritative"], "needed": is_needed(setup, found)}
    return RecordAnswer(**same, **said, message=found["message"], hint=found["hint"])


def _unseen(setup: Setup) -> list[dict[str, Any]]:
    """What is needed, before anybody has looked."""
    nothing = {"resolver": [], "authoritative": [], "code": "", "message": "Nobody has looked yet."}
    return [
        {"subject": each.purpose, "name": each.name, "type": kind, "expected": list(values)}
        | {"verdict": "unknown", "hint": f"Enter {kind} {' '.join(values)}.", **nothing}
        for each in expected_records(setup.hostname, setup.owner, ours(), apex=setup.apex)
        for kind, values in record_types(each).items()
    ]
