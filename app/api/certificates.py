"""What is told of a host name's certificate."""

from pydantic import BaseModel

from app.api.requests import Moment
from app.models.certificates import Certificate


class CertificateFailure(BaseModel):
    """Why the last order came to nothing, and what to do. `stage` says how far it got."""

    code: str
    stage: str
    message: str
    hint: str


class CertificateAnswer(BaseModel):
    """The certificate of a host name, where the platform gets it itself.

    `state` is that of the newest order; `issuer`, `serial` (hex) and the times are of what is installed, and
    empty before anything is. `renew_at` is when the next is ordered, `next_try_at` when one that failed is
    ordered again.
    """

    state: str
    challenge_type: str
    issuer: str
    serial: str
    not_before: Moment | None
    not_after: Moment | None
    renew_at: Moment | None
    next_try_at: Moment | None
    failures: int
    failure: CertificateFailure | None


def certificate_said(found: Certificate) -> CertificateAnswer:
    """A certificate for people."""
    names = ("state", "challenge_type", "issuer", "serial", "not_before", "not_after", "renew_at", "failures")
    failure = CertificateFailure.model_validate(found.failure) if found.failure else None
    tried = found.deadline_at if found.state == "failed" else None
    return CertificateAnswer(
        **{name: getattr(found, name) for name in names}, next_try_at=tried, failure=failure
    )
