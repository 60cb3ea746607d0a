"""Content-addressed blobs: where the blocks of all deploys are kept. STORAGE_BACKEND chooses."""

from app.services.storage.port import Storage


def open_storage() -> Storage:
    """The storage of this installation; the memory backend is one and the same for a whole process."""
    from config.settings import get_settings

    settings = get_settings()
    if settings.storage_backend == "memory":
        from app.services.storage.memory import shared_memory

        return shared_memory()
    from app.services.storage.folder import FolderStorage

    return FolderStorage(settings.antiphon_home / "blobs")
