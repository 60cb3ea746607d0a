"""Certificates by ACME (RFC 8555), from the authority at ACME_DIRECTORY."""

from app.services.acme.port import Authority


def is_automatic() -> bool:
    """Whether certificates are ours to get; else the proxy in front gets them."""
    from config.settings import get_settings

    return bool(get_settings().acme_directory)


def open_authority() -> Authority:
    """The authority of this installation. PermanentError `acme_not_configured` where there is none."""
    from app.errors import PermanentError
    from config.settings import get_settings

    settings = get_settings()
    if not settings.acme_directory:
        hint = "Set ACME_DIRECTORY again, or remove the name and leave its certificate to the proxy."
        raise PermanentError("acme_not_configured", "There is no authority to get certificates from.", hint)
    from app.services.acme.account import AccountFile
    from app.services.acme.client import AcmeAuthority

    trusted = str(settings.acme_ca_file) if settings.acme_ca_file else True
    account = AccountFile(settings.antiphon_home / "acme", settings.acme_directory)
    return AcmeAuthority(settings.acme_directory, account, settings.acme_email, trusted)
