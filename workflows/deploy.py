"""The deploy flow: from a request to a live site.

Whoever asks, the request is one event. The source is fetched and built, its content gets a name, storage
takes in what it lacks of it, and Sites publishes: one pointer moves, and the site is live. Then everything
that must follow the new version does so (host names here, other targets in their own files), and when all
of it has settled the deploy is complete.
"""

from app.engine import MINUTES, on, settled
from app.signals.deploys import (
    ArtifactReady,
    BuildSkipped,
    DeployPublished,
    DeployRequested,
    DeployUploaded,
    SourceFetched,
)
from app.signals.storage import UploadCompleted
from tasks import builds, domains, sites, storage

on(DeployRequested, do=sites.fetch_source)
on(SourceFetched, do=builds.build_site)
on(BuildSkipped, do=sites.package_artifact)
on(ArtifactReady, do=storage.upload_artifact)
on(UploadCompleted, do=sites.accept_upload)
on(DeployUploaded, do=sites.publish_deploy)
on(DeployPublished, do=domains.sync_records)
on(settled(DeployPublished, within=15 * MINUTES), do=sites.complete_deploy)
