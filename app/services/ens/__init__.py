"""ENS, whose names lead to content. ENS_RPC says which chain is asked, ENS_SIGNER_KEY who may sign."""

from app.services.ens.port import Ens, Signer


def open_ens() -> Ens | None:
    """ENS on the chain of this installation; None where no node is configured."""
    from app.services.ens.onchain import OnChain
    from app.services.ens.rpc import Rpc
    from config.settings import get_settings

    settings = get_settings()
    return OnChain(Rpc(settings.ens_rpc), settings.ens_registry) if settings.ens_rpc else None


def confirmations() -> int:
    """After how many blocks, the one that has it included, an update counts as there to stay."""
    from config.settings import get_settings

    return get_settings().ens_confirmations


def open_signer() -> Signer | None:
    """Who signs here; None where no key is configured, so that owners sign with their own wallets."""
    from config.settings import get_settings

    settings = get_settings()
    if not settings.ens_rpc or not settings.ens_signer_key:
        return None
    from app.services.ens.rpc import Rpc
    from app.services.ens.signer import KeySigner

    return KeySigner(settings.ens_signer_key, Rpc(settings.ens_rpc))
