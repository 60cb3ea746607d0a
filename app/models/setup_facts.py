"""What a look at a name's records makes of its set-up: steps that can be done, and what has changed since.

Pure: from the set-up as it is, the findings and the time come the facts, one after the other.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from json import dumps
from typing import Any

from app.engine import Failure
from app.models.setups import HELD, Setup, missing
from app.signals.domains import (
    STEPS,
    DomainDnsConfigured,
    DomainMisconfigured,
    DomainOwnershipLapsed,
    DomainReconfigured,
    DomainRecordsObserved,
    DomainSetupAdvanced,
    DomainSetupResumed,
    DomainVerificationFailed,
    DomainVerified,
    Step,
)

Findings = Sequence[dict[str, Any]]
Facts = list[Any]
#: Verdicts that say of a token that it is not there, rather than that nobody could look.
GONE = ("missing", "wrong")


def advanced(setup: Setup, step: Step) -> DomainSetupAdvanced:
    """That a step of a set-up is done."""
    index = STEPS.index(step)
    return DomainSetupAdvanced(**setup.about(), step=step, index=index, remaining=STEPS[index + 1 :])


def news(setup: Setup, found: Findings, *, apex: bool, asked: bool, now: datetime) -> Facts:
    """All that a look has shown. Who `asked` for it is told what was seen, be it the same as before."""
    facts: Facts = []
    digest = _digest(found)
    if asked or (digest, apex) != (setup.digest, setup.apex):
        wait = min((each["wait"] for each in found if each["verdict"] != "ok"), default=3600)
        seen: dict[str, Any] = {"records": tuple(found), "digest": digest, "apex": apex, "wait_s": wait}
        facts.append(DomainRecordsObserved(**setup.about(), **seen))
    done = [*_ownership(setup, found, now), *_progress(setup, found, now)]
    if setup.stalled_at is not None and _has_moved(setup, found, done):
        facts.append(resumed(setup, "dns", now))
    return [*facts, *done]


def resumed(setup: Setup, by: Any, now: datetime) -> DomainSetupResumed:
    """That a set-up goes on of which somebody had to be reminded."""
    waited = round((now - setup.step_at).total_seconds())
    step: Any = setup.step
    return DomainSetupResumed(**setup.about(), step=step, by=by, waited_s=waited)


def _digest(found: Findings) -> str:
    """The same while nothing but times changes."""
    said = [{name: value for name, value in each.items() if name != "wait"} for each in found]
    return sha256(dumps(said, sort_keys=True).encode()).hexdigest()


def _has_moved(setup: Setup, found: Findings, done: Facts) -> bool:
    """Whether a step was done, or the record that is waited for says something else than before."""
    if any(isinstance(each, DomainSetupAdvanced) for each in done):
        return True
    before, there = missing(setup, setup.records), missing(setup, found)
    answered = all(each and each["verdict"] != "unanswered" for each in (before, there))
    said = [(each["name"], each["code"], each["authoritative"]) for each in (before, there) if each]
    return answered and said[0] != said[1]


def _ownership(setup: Setup, found: Findings, now: datetime) -> Facts:
    """Whether a name that was proven still is."""
    token = next(each for each in found if each["subject"] == "ownership")
    if setup.ownership == "lapsed" and token["verdict"] == "ok":
        return [DomainVerified(**setup.about(), method="dns_txt")]
    if setup.ownership != "proven" or token["verdict"] not in GONE:
        return []
    if setup.unproven_at is None:
        return [_unproven(setup, token)]
    if now - setup.unproven_at >= HELD:
        gone = round((now - setup.unproven_at).total_seconds())
        return [DomainOwnershipLapsed(**setup.about(), gone_s=gone)]
    return []


def _unproven(setup: Setup, token: dict[str, Any]) -> DomainVerificationFailed:
    hours = round(HELD.total_seconds() / 3600)
    failure = Failure(
        code=token["code"],
        stage="ownership",
        message=f"{setup.hostname} was proven to be yours, and is not any more: {token['message']}",
        hint=f"{token['hint']} It is served as before; after {hours} hours another site may take the name.",
        evidence={"record": token["name"], "type": token["type"]},
    )
    return DomainVerificationFailed(**setup.about(), failure=failure)


def _progress(setup: Setup, found: Findings, now: datetime) -> Facts:
    """The steps that can be done now, one after the other; of a name that is set up what has changed."""
    verdicts = {each["subject"]: each["verdict"] for each in found}
    about, facts = setup.about(), Facts()
    proven = setup.ownership == "proven" or verdicts["ownership"] == "ok"
    if setup.step == "prove" and proven:
        facts += [DomainVerified(**about, method="dns_txt"), advanced(setup, "prove")]
    leads = verdicts["routing"] == "ok" and (setup.mode != "delegated" or verdicts.get("dnslink") == "ok")
    if setup.routing == "unset" and proven and leads:
        elapsed = round((now - setup.added_at).total_seconds())
        facts += [advanced(setup, "point"), DomainDnsConfigured(**about, elapsed_s=elapsed)]
    elif setup.routing == "configured" and verdicts["routing"] not in ("ok", "unanswered"):
        issues = tuple(each for each in found if each["subject"] == "routing")
        facts.append(DomainMisconfigured(**about, issues=issues))
    elif setup.routing == "broken" and verdicts["routing"] == "ok":
        facts.append(DomainReconfigured(**about))
    return facts
