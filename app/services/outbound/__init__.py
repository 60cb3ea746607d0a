"""Calls to addresses that people typed in. WEBHOOK_ALLOW_NETWORKS says which private networks are open."""

from app.services.outbound.port import Outbound


def open_outbound() -> Outbound:
    """The client of this installation."""
    from app.services.outbound.guarded import GuardedOutbound
    from config.settings import get_settings

    return GuardedOutbound(get_settings().webhook_allow_networks)
