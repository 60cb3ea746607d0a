"""The IPFS node that keeps what is published where everybody can fetch it. KUBO_API says where it is."""

from app.services.ipfs.port import Ipfs


def open_ipfs() -> Ipfs | None:
    """The node of this installation; None where none is configured."""
    from config.settings import get_settings

    address = get_settings().kubo_api
    if address is None:
        return None
    from app.services.ipfs.kubo import KuboNode

    return KuboNode(address)
