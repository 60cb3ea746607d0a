"""Messages that were held back: one message tells of them when their digest is due.

A digest is dropped with its listener, and waits while that is paused. Nothing waits for any of it.
"""

from app.engine import follow
from app.signals.digests import DigestDue
from app.signals.listeners import ListenerDeleted, ListenerResumed
from tasks import digests, notifications

follow(DigestDue, do=notifications.tell_digest)
follow(ListenerDeleted, do=digests.drop)
follow(ListenerResumed, do=digests.go_on)
