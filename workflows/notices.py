"""Who is told of what, besides whom listeners name that people configure.

Nothing waits for it, and a notice that cannot be sent harms nothing.
"""

from app.engine import follow
from app.signals.certificates import (
    CertificateReloadFailed,
    DomainCertificateExpiring,
    DomainCertificateFailed,
)
from app.signals.channels import ChannelTestRequested
from app.signals.deploys import DeployCompleted, DeployFailed
from app.signals.dnslinks import DnsUpdateFailed
from app.signals.domains import (
    DomainMisconfigured,
    DomainOwnershipLapsed,
    DomainRemoved,
    DomainSetupCompleted,
    DomainSetupStalled,
    DomainVerificationFailed,
)
from app.signals.ens import EnsNews
from app.signals.leftovers import LeftoverNews
from app.signals.listeners import ListenerDisabled
from app.signals.quotas import QuotaExceeded, ThresholdReached
from tasks import notifications

follow(DeployCompleted | DeployFailed | ThresholdReached | QuotaExceeded, do=notifications.tell)
follow(
    ListenerDisabled,
    do=notifications.tell,
    when={"reason": ["gone_410", "failing_since", "ssrf_blocked"]},  # not what somebody did
    name="notices:notifications.tell@disabled",
)
follow(
    DomainSetupStalled
    | DomainSetupCompleted
    | DomainMisconfigured
    | DomainVerificationFailed
    | DomainOwnershipLapsed,
    do=notifications.tell,
    name="notices:notifications.tell@domains",
)
follow(
    DomainRemoved,
    do=notifications.tell,
    when={"reason": ["taken"]},  # not what somebody of the site did
    name="notices:notifications.tell@taken",
)
follow(
    DnsUpdateFailed | LeftoverNews | DomainCertificateFailed | EnsNews,
    do=notifications.tell,
    when={"again": [False, None]},  # it is tried again and again; some say nothing of that
    name="notices:notifications.tell@names",
)
follow(
    CertificateReloadFailed | DomainCertificateExpiring,
    do=notifications.tell,
    name="notices:notifications.tell@certificates",
)
follow(ChannelTestRequested, do=notifications.send_test)
