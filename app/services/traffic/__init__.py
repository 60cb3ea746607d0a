"""The gateway's access files: what was served to whom is written down by the gateway and read by the one who
counts.
"""

from app.services.traffic.folder import FolderTraffic
from config.settings import get_settings


def open_traffic() -> FolderTraffic:
    """The access files of this installation: a `Journal` for who serves, an `AccessFiles` for who counts."""
    return FolderTraffic(get_settings().antiphon_home / "traffic")
