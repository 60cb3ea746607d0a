"""The event machinery: signals become events in an append-only log, listeners answer them, reactions are
worked off.

It knows nothing of deploys. This page is its whole interface; the glossary in `docs/` explains the words.
"""

from app.engine.actions import action, current
from app.engine.cancelling import CancelledFlow, acknowledges
from app.engine.clock import new_id, now
from app.engine.configured import STREAM as LISTENERS_STREAM
from app.engine.database import Json, Timestamp, metadata, reading
from app.engine.facts import FlowCancelled, FlowCancelRequested, FlowStalled
from app.engine.folds import deadline, fold, folded
from app.engine.listeners import MINUTES, awaited, follow, on, settled
from app.engine.recording import Recording, recorded, recording
from app.engine.signal import Event, Failure, FailureSignal, ReactionDeadLettered, Signal

__all__ = [
    "LISTENERS_STREAM",
    "MINUTES",
    "CancelledFlow",
    "Event",
    "Failure",
    "FailureSignal",
    "FlowCancelRequested",
    "FlowCancelled",
    "FlowStalled",
    "Json",
    "ReactionDeadLettered",
    "Recording",
    "Signal",
    "Timestamp",
    "acknowledges",
    "action",
    "awaited",
    "current",
    "deadline",
    "fold",
    "folded",
    "follow",
    "metadata",
    "new_id",
    "now",
    "on",
    "reading",
    "recorded",
    "recording",
    "settled",
]
