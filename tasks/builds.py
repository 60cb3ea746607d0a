"""What Builds does: turn a source into what is served. An uploaded archive is built already."""

from app.engine import action, current
from app.models import deploys
from app.signals.deploys import BuildSkipped, SourceFetched


@action()
def build_site(event: SourceFetched) -> BuildSkipped | None:
    """Pass an uploaded archive on as it is: there is nothing to build."""
    if deploys.underway(current().db, event.deploy_id) is None:
        return None
    return BuildSkipped.of(event, reason="archive_is_built")
