"""Certificates of host names: ordered, shown to the authority, issued, installed, renewed. Times are text."""

from typing import Any, Literal

from app.engine import FailureSignal
from app.signals.domains import DomainSignal

#: How the authority is shown that a name is ours. More ways will come.
ChallengeType = Literal["http-01", "dns-01"]


class CertificateSignal(DomainSignal):
    """Base of what happens to the certificate of one host name.

    `renewal` says that one is installed already. `again` that the last order came to nothing.
    """

    renewal: bool = False
    again: bool = False


class DomainCertificateRequested(
    CertificateSignal, type="domain.certificate.requested", starts="certificate"
):
    """A certificate is wanted for the names `sans`: of a new name, of one that is renewed, or once more."""

    sans: tuple[str, ...]
    by: Literal["setup", "schedule", "user"]


class DomainCertificateCleared(CertificateSignal, type="domain.certificate.cleared"):
    """Nothing that can be seen from here stands in its way; `challenge_type` is how it will be shown."""

    sans: tuple[str, ...]
    challenge_type: ChallengeType


class OrderSignal(CertificateSignal):
    """Base of what happens to one order, which whoever comes next goes on with.

    HTTP-01 shows `key_authorization` under `token`, DNS-01 `text` at `fqdn`, which is in our own zone; none
    of them is a secret. All are empty where the authority wants to see nothing again.
    """

    sans: tuple[str, ...]
    challenge_type: ChallengeType
    order_url: str
    token: str = ""
    key_authorization: str = ""
    fqdn: str = ""
    text: str = ""


class DomainCertificateOrdered(OrderSignal, type="domain.certificate.ordered"):
    """The authority has taken an order, and says what it wants to see. The gateway shows it from now on."""


class DomainCertificateChallengePresented(OrderSignal, type="domain.certificate.challenge_presented"):
    """It can be seen: at the gateway, or at all servers of our zone."""


class DomainCertificateIssued(OrderSignal, type="domain.certificate.issued"):
    """The authority has issued it. `issuer` and `serial` (hex) name it."""

    issuer: str
    serial: str
    not_before: str
    not_after: str


class DomainCertificateInstalled(CertificateSignal, type="domain.certificate.installed"):
    """The files for the proxy in front hold it."""

    sans: tuple[str, ...]
    issuer: str
    serial: str
    not_before: str
    not_after: str


class DomainCertificateRenewed(CertificateSignal, type="domain.certificate.renewed", ends="succeeded"):
    """It has taken the place of the one with the serial `was`."""

    serial: str
    was: str
    not_after: str


class DomainCertificateFailed(
    CertificateSignal, FailureSignal, type="domain.certificate.failed", ends="failed"
):
    """There is no certificate yet, or the old one stays. It is tried again, when the authority allows it.

    The failure's evidence holds the authority's `problem` and its `retry_after`, in seconds.
    """

    fqdn: str = ""
    text: str = ""


class DomainCertificateReviewRequested(
    CertificateSignal, type="domain.certificate.review.requested", starts="certificate_review"
):
    """It is time to ask the authority when it would like the certificate renewed."""

    serial: str


class DomainCertificateRenewalScheduled(CertificateSignal, type="domain.certificate.renewal_scheduled"):
    """It will be renewed at `renew_at`: within the window `ari` of the authority, or, where it names none,
    once two thirds of its lifetime are over. After `check_s` seconds the authority is asked again, 0: never.
    """

    serial: str
    renew_at: str
    ari: dict[str, str] | None
    check_s: int


class DomainCertificateExpiring(CertificateSignal, type="domain.certificate.expiring"):
    """It ends in `days_left` days, and cannot be renewed; below 0 it has ended. Told once a day at most.

    `why` is the failure of the last order.
    """

    serial: str
    not_after: str
    days_left: int
    why: dict[str, Any]


class DomainCertificateRemoved(CertificateSignal, type="domain.certificate.removed"):
    """The name is removed, and so are the files of its certificate."""


class CertificateReloadFailed(CertificateSignal, FailureSignal, type="domain.certificate.reload.failed"):
    """The proxy in front could not be told that the files have changed: it uses the old ones."""


#: What people are told of by default.
CertificateNews = DomainCertificateFailed | DomainCertificateExpiring | CertificateReloadFailed
