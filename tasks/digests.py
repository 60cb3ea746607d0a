"""What becomes of digests when something happens to their listeners."""

from app.engine import action, current
from app.models import digests
from app.models.digests import Digest
from app.signals.digests import DigestDropped, DigestPutOff, digests_stream
from app.signals.listeners import ListenerDeleted, ListenerResumed


@action()
def drop(event: ListenerDeleted) -> list[DigestDropped]:
    """Drop what a deleted listener has held back."""
    return [each.dropped() for each in _open(event.listener_id)]


@action()
def go_on(event: ListenerResumed) -> list[DigestPutOff]:
    """Let digests go on that were due while their listener was paused."""
    late = (each for each in _open(event.listener_id) if each.deadline_at is None)
    return [each.put_off(event.recorded.time) for each in late]


def _open(listener_id: str) -> list[Digest]:
    """The open digests of a listener, under their stream's lock: a sweep may be at one of them."""
    db = current().db
    if not digests.of_listener(db, listener_id):
        return []
    current().lock(digests_stream(listener_id))
    return digests.of_listener(db, listener_id)
