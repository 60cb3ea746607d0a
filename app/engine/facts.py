"""What the engine itself records about flows, reactions and replays."""

from datetime import datetime
from hashlib import sha256
from typing import Any, Literal, Self

from app.engine.signal import Event, FailureSignal, Signal


class _OfFlow(Signal):
    flow: str
    of_stream: str
    of_label: str

    @property
    def stream(self) -> str:
        """The stream that the flow began in."""
        return self.of_stream

    @property
    def subject(self) -> str:
        """The flow."""
        return self.flow

    @property
    def label(self) -> str:
        """The flow's label."""
        return self.of_label


class FlowCancelRequested(_OfFlow, type="platform.flow.cancel_requested"):
    """Somebody wants a flow to end. Fields: the flow, the stream that it began in and its label."""


class FlowCancelled(_OfFlow, type="platform.flow.cancelled", ends="cancelled"):
    """Nothing of a cancelled flow is at work any more.

    Fields: the flow, its stream and label, and whether something had to be forced, because it did not end
    within the grace time.
    """

    forced: bool


class FlowCancelMissed(_OfFlow, type="platform.flow.cancel_missed"):
    """A flow whose cancel was asked for had ended by itself before anything of it was prevented.

    Fields: the flow, its stream and label.
    """


class ReactionLooped(Signal, type="platform.reaction.looped"):
    """A listener has not answered an event, because it would have gone round for ever.

    Fields: the reaction that is skipped for it, its listener and action, the event and its type, and the
    reason.
    """

    reaction: str
    listener: str
    action: str
    event: str
    event_type: str
    reason: str

    @classmethod
    def about(cls, row: dict[str, Any], event: Event, reason: str) -> Self:
        """This fact about a new reaction, which is not to run."""
        return cls(
            reaction=row["id"],
            listener=row["listener"],
            action=row["action"],
            event=event.id,
            event_type=event.type,
            reason=reason,
        )


class ConditionMet(Signal, type="listener.condition_met"):
    """What a listener waits for over several events has come, or has stayed away for long enough.

    Fields: the listener and its name; the `kind` of condition; the `entity` that it is about, "" when it
    tells none apart; the events that it was met by, from when to when they came, and within how many seconds
    they were to.
    """

    listener_id: str
    name: str
    kind: Literal["count", "sequence", "absence"]
    entity: str
    events: tuple[str, ...]
    first_at: datetime
    last_at: datetime
    within_s: float

    @property
    def stream(self) -> str:
        """The stream of what is met for one entity of the listener."""
        return f"/conditions/{self.listener_id}/{sha256(self.entity.encode()).hexdigest()[:16]}"

    @property
    def subject(self) -> str:
        """The listener."""
        return self.listener_id

    @property
    def label(self) -> str:
        """Its name, and the entity."""
        return f"{self.name} {self.entity}".strip()[:200]


class FlowStalled(_OfFlow, FailureSignal, type="platform.flow.stalled"):
    """Nothing has happened in a flow for a long time although something of it is open.

    Fields: the flow, its stream and label, what it waits for (the oldest open reactions, each with its id,
    action, state and what it waits for) and for how many seconds nothing has happened.
    """

    waiting_on: list[dict[str, Any]]
    age_s: int


class FlowRecovered(_OfFlow, type="platform.flow.recovered"):
    """A flow that had stalled has gone on.

    Fields: the flow, its stream and label, and after how many seconds in which nothing had happened.
    """

    after_s: int


class _OfReaction(Signal):
    reaction: str
    listener: str
    action: str
    of_stream: str
    of_label: str
    by: str

    @property
    def stream(self) -> str:
        """The stream of the event that the reaction answers."""
        return self.of_stream

    @property
    def subject(self) -> str:
        """The reaction."""
        return self.reaction

    @property
    def label(self) -> str:
        """The label of the event that the reaction answers."""
        return self.of_label


class ReactionRedriven(_OfReaction, type="platform.reaction.redriven"):
    """Somebody had a dead reaction tried again, in the flow of the event that it answers; or one of a
    configured listener that failed, or that waited for its next attempt.

    Fields: the reaction, its listener and action, that event's stream and label, and who it was.
    """


class ReactionSkipped(_OfReaction, type="platform.reaction.skipped"):
    """Somebody gave a dead reaction up for good, so that those behind it go on. Fields as when redriven."""


class _OfReplay(Signal):
    replay: str
    listener: str
    generation: int

    @property
    def stream(self) -> str:
        """All replays to a listener are in one stream."""
        return replay_stream(self.listener)

    @property
    def subject(self) -> str:
        """The replay."""
        return self.replay

    @property
    def label(self) -> str:
        """The listener's name."""
        return self.listener


class ReplayStarted(_OfReplay, type="platform.replay.started", starts="replay"):
    """Somebody had past events given to a listener.

    Fields: the replay, its listener and the generation of its reactions; the positions it is about (`after` <
    p <= `until`), how many reactions are made per second at most, and whether also of events that the
    listener had answered before; `most` is how many are made in all at most.
    """

    after: int
    until: int
    rate: float | None = None
    again: bool = False
    most: int | None = None


class ReplayCompleted(_OfReplay, type="platform.replay.completed", ends="succeeded"):
    """All reactions of a replay were made, and none of them is at work any more.

    Fields: how many events the listener accepted, how many reactions were made of them, and how many were
    left out because it had answered them before. Events behind the position `left_after` were not looked at,
    since as many reactions had been made as were wanted at most.
    """

    matched: int
    made: int
    suppressed: int
    left_after: int | None = None


class ReplayCancelled(_OfReplay, type="platform.replay.cancelled", ends="cancelled"):
    """Somebody ended a replay. Fields as when completed, and how many reactions were cancelled with it."""

    matched: int
    made: int
    suppressed: int
    cancelled: int


def replay_stream(listener: str) -> str:
    """The stream of the replays to a listener."""
    return f"/replays/{listener}"[:200]
