"""Content addressing: CIDs, UnixFS, archives. A leaf that knows nothing of the rest of the house."""
