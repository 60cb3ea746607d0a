"""Noting that a block of storage is lost, once."""

from app.engine import Recording
from app.models import integrity
from app.signals.storage import IntegrityFailed


def report_integrity_failure(log: Recording, problem: IntegrityFailed) -> bool:
    """Record that a block is gone or not what its name says: a thousand readers of it make one fact.

    It is told again after a day, because nobody tells when an operator has mended it by hand. Returns whether
    it was news.
    """
    log.lock(problem.stream)
    if not integrity.is_due(log.db, problem.digest, log.now):
        return False
    log.record(problem)
    return True
