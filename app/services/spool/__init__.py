"""Uploaded archives on their way into a deploy: on local disk, never in memory, removed when done."""

from app.services.spool.port import Spool


def open_spool() -> Spool:
    """The spool of this installation, with MAX_UPLOAD_BYTES as its limit."""
    from app.services.spool.folder import FolderSpool
    from config.settings import get_settings

    settings = get_settings()
    return FolderSpool(settings.antiphon_home / "spool", settings.max_upload_bytes)
