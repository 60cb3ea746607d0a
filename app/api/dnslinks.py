"""What is told of a host name's DNSLink in our own zone."""

from typing import Any, Literal, cast

from pydantic import BaseModel

from app.api.requests import Moment
from app.models.dnslinks import DnsLink


class TroubleAnswer(BaseModel):
    """Something that is not as it should be: `code` is for programs, `hint` says what to do."""

    code: str
    message: str
    hint: str


class DnsLinkAnswer(BaseModel):
    """The text in our own zone to which the name's `_dnslink` is delegated.

    It says what the text is to say, since when, and for which deploy; what was `written`, read back from the
    server that took it; and what all servers of the zone were `seen` to say. `state` is `wanted`, `failed`
    (it is tried again at `next_try_at`), `applied`, or `seen`. The `failure` is the last one, of writing or
    of being seen; `warnings` has `not_provided` where no IPFS node keeps the content.
    """

    fqdn: str
    state: Literal["wanted", "failed", "applied", "seen"]
    deploy: int
    wanted: str
    wanted_at: Moment | None
    written: str | None
    written_at: Moment | None
    seen: str | None
    seen_at: Moment | None
    failure: TroubleAnswer | None
    next_try_at: Moment | None
    warnings: list[TroubleAnswer]


def link_said(found: DnsLink) -> DnsLinkAnswer:
    """A DNSLink for people."""
    names = ("fqdn", "wanted", "wanted_at", "written_at", "seen", "seen_at")
    failure = found.failure or found.unseen
    return DnsLinkAnswer(
        **{name: getattr(found, name) for name in names},
        state=cast(Any, found.progress),
        deploy=found.number,
        written=found.value,
        failure=TroubleAnswer.model_validate(failure) if failure else None,
        next_try_at=found.deadline_at if found.state == "failed" else None,
        warnings=[TroubleAnswer.model_validate(each) for each in found.warnings or ()],
    )
