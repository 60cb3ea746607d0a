"""Host names under which a site is reached: how they are set up, and which deploy each of them leads to."""

from typing import Any, Literal

from app.engine import FailureSignal
from app.signals.deploys import DeploySignal
from app.signals.sites import SiteSignal

#: The steps of a set-up, in their order.
Step = Literal["claim", "prove", "point", "certify", "live"]
STEPS: tuple[Step, ...] = ("claim", "prove", "point", "certify", "live")


class DomainSignal(SiteSignal):
    """Base of what happens to one host name."""

    domain_id: str
    hostname: str

    @property
    def subject(self) -> str:
        """The domain."""
        return self.domain_id

    @property
    def label(self) -> str:
        """The host name."""
        return self.hostname


class DomainAdded(DomainSignal, type="domain.added", starts="domain"):
    """A host name is to lead to the site. `default` ones are labels under the gateway's own host, and need no
    set-up; of others `unicode` is the name for people, `token` proves whose it is, `claim` is its label in
    our zone.
    """

    kind: Literal["subdomain", "custom"]
    mode: Literal["default", "manual", "delegated"]
    unicode: str = ""
    token: str = ""
    claim: str = ""


class DomainVerificationRequested(DomainSignal, type="domain.verification.requested", starts="domain_check"):
    """Its records are to be looked at: a person wants it, or it is time."""

    by: Literal["user", "schedule"]


class DomainRecordsObserved(DomainSignal, type="domain.records.observed"):
    """What was seen in DNS is different from before: `records` are the findings, one for each record.

    `apex` says whether its zone begins at the name, `wait_s` after how many seconds looking again can show
    something else. The records that are needed may change with it.
    """

    records: tuple[dict[str, Any], ...]
    digest: str
    apex: bool
    wait_s: int


class DomainSetupAdvanced(DomainSignal, type="domain.setup.advanced"):
    """A step of the set-up is done and stays done; `remaining` are those that follow."""

    step: Step
    index: int
    of: int = len(STEPS)
    remaining: tuple[Step, ...]


class DomainVerified(DomainSignal, type="domain.verified"):
    """Whoever added the name has shown that it is theirs."""

    method: Literal["dns_txt"]


class DomainVerificationFailed(DomainSignal, FailureSignal, type="domain.verification.failed"):
    """The record that had proven a name says so no more: the failure tells what is there instead, and until
    when it must be back.
    """


class DomainOwnershipLapsed(DomainSignal, type="domain.ownership.lapsed"):
    """The proof has been gone for `gone_s` seconds. The name is served as before, but another site may take
    it, which then has to prove that it is theirs. With the proof back, it is verified again.
    """

    gone_s: int


class DomainDnsConfigured(DomainSignal, type="domain.dns.configured"):
    """The name leads to us, so many seconds after it was added."""

    elapsed_s: int


class DomainCertificateHandedOver(DomainSignal, type="domain.certificate.handed_over"):
    """Certificates for the name are the business of the proxy in front, which may ask `/v1/tls/ask`."""


class DomainSetupCompleted(DomainSignal, type="domain.setup.completed", ends="succeeded"):
    """All steps are done: the name is served."""

    elapsed_s: int


class DomainSetupStalled(DomainSignal, FailureSignal, type="domain.setup.stalled"):
    """A step has waited for `since_s` seconds: its failure names the one record that is missing."""

    step: Step
    since_s: int
    waiting_for: dict[str, Any] | None


class DomainSetupResumed(DomainSignal, type="domain.setup.resumed"):
    """A set-up that somebody had to be reminded of goes on at its step: they came back, or their `dns` did.

    It had waited for `waited_s` seconds.
    """

    step: Step
    by: Literal["user", "dns"]
    waited_s: int


class DomainMisconfigured(DomainSignal, type="domain.misconfigured"):
    """The records of a name that was served are not as they were; it is served as far as they let it. The
    `issues` are the findings, each with its code and hint.
    """

    issues: tuple[dict[str, Any], ...]


class DomainReconfigured(DomainSignal, type="domain.reconfigured"):
    """The records of a name are as they should be again."""


class DomainRemoved(DomainSignal, type="domain.removed", ends="cancelled"):
    """The name leads to the site no more. `records` can be removed from DNS by its owner.

    `records_to_clean` stand in our own zone, and are cleared from here: of each its `name`, its `type`, and
    the `values` that we may have written; none, where whatever stands there is ours. `reason` is `asked`,
    `site_deleted`, or `taken`: nobody proved it any more, and another site has added it.
    """

    records: tuple[dict[str, str], ...] = ()
    records_to_clean: tuple[dict[str, Any], ...] = ()
    reason: str = "asked"


#: What is told of a host name. Of one that was removed it is told where another site has taken it.
DomainNews = (
    DomainSetupStalled
    | DomainSetupCompleted
    | DomainMisconfigured
    | DomainVerificationFailed
    | DomainOwnershipLapsed
    | DomainRemoved
)


class DomainTargetUpdated(DeploySignal, type="domain.target.updated"):
    """A host name leads to this deploy from now on. `mechanism` says how: `route` is our own gateway."""

    domain_id: str
    hostname: str
    cid: str
    mechanism: Literal["route"]


class DomainSyncCompleted(DeploySignal, type="domain.sync.completed"):
    """The site's host names lead to this deploy: some now (`updated`), some did already, some could not."""

    updated: tuple[str, ...]
    unchanged: tuple[str, ...]
    failed: tuple[str, ...] = ()


class DomainSyncFailed(SiteSignal, FailureSignal, type="domain.sync.failed"):
    """The site's host names could not be made to lead to the live deploy; those that lead elsewhere still do.

    Without `deploy_id` it was the adding of a host name that asked for it.
    """

    deploy_id: str | None = None
    number: int | None = None
