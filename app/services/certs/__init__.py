"""Certificates as files for the proxy in front, and the command that tells it of new ones."""

from app.services.certs.folder import CertFolder


def open_certs() -> CertFolder:
    """The certificates of this installation, in `<home>/certs`."""
    from config.settings import get_settings

    return CertFolder(get_settings().antiphon_home / "certs")


def reload_command() -> str:
    """What is run after a change of the files; empty where nothing is."""
    from config.settings import get_settings

    return get_settings().certs_reload_command
