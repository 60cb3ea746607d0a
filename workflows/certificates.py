"""How names get certificates, where ACME_DIRECTORY names an authority: else a proxy in front does.

Once a name leads to us, what the authority will look at is looked at first. Then it is ordered, shown what it
asks for, issued and installed: whoever dies at whatever point, the next one goes on with the same order. What
fails is tried again, as often as authorities allow. What is installed is renewed when its authority says so.
"""

from app.engine import follow, on
from app.signals.certificates import (
    DomainCertificateChallengePresented,
    DomainCertificateCleared,
    DomainCertificateFailed,
    DomainCertificateInstalled,
    DomainCertificateIssued,
    DomainCertificateOrdered,
    DomainCertificateRemoved,
    DomainCertificateRequested,
    DomainCertificateReviewRequested,
)
from app.signals.domains import DomainRemoved, DomainVerificationRequested
from tasks import certificates, preflight, renewals

on(DomainCertificateRequested, do=preflight.look_ahead, key="domain_id")
on(DomainCertificateCleared, do=certificates.order, key="domain_id")
on(DomainCertificateOrdered, do=certificates.present, key="domain_id")
on(DomainCertificateChallengePresented, do=certificates.obtain, key="domain_id")
on(DomainCertificateIssued, do=certificates.install, key="domain_id")

on(DomainCertificateFailed, do=certificates.warn)
on(DomainVerificationRequested, do=certificates.try_now, when={"by": ["user"]})

follow(DomainCertificateIssued | DomainCertificateFailed, do=certificates.clear_challenge)
follow(DomainCertificateInstalled | DomainCertificateReviewRequested, do=renewals.schedule)
follow(DomainRemoved, do=renewals.remove_files)
follow(DomainCertificateInstalled | DomainCertificateRemoved, do=renewals.reload)
