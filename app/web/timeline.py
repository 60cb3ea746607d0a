"""A flow as its page shows it: each event with what it says, who answered it, and when everything was."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from json import dumps
from typing import Any

from app.engine import Event
from app.engine.signal import SIGNALS
from app.engine.views import Reaction
from app.signals.telling import duration, tell

#: The width of the drawing in which a reaction's time is a bar, and the shortest bar that can be seen.
WIDTH, SHORTEST = 1000, 6

_MILLISECOND = timedelta(milliseconds=1)
_FIRST_WORDS = re.compile(r"(.+?)(?:[.:;](?:\s|$)|\n\n|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Answer:
    """One reaction to an event. `start` and `width` are its bar on a line of WIDTH; no width, no bar."""

    reaction: Reaction
    took: str | None
    start: int
    width: int


@dataclass(frozen=True, slots=True)
class Moment:
    """One event on the timeline. `look` is `good` or `bad` for ends and failures, `beside` for followers."""

    event: Event
    about: str
    after: str
    by: str
    look: str
    facts: list[str]
    failure: dict[str, Any] | None
    data: str
    answers: list[Answer]


def timeline(events: Sequence[Event], reactions: Iterable[Reaction], now: datetime) -> list[Moment]:
    """The moments of a flow, oldest first like its events."""
    if not events:
        return []
    answered: defaultdict[str, list[Reaction]] = defaultdict(list)
    for reaction in reactions:
        answered[reaction.event].append(reaction)
    line = _Line(events, [each for some in answered.values() for each in some], now)
    return [_moment(event, line, answered[event.id]) for event in events]


def about(type_: str) -> str:
    """What an event of this type is, as far as the first words of its signal's description go."""
    described = _FIRST_WORDS.match((SIGNALS[type_].__doc__ or "").strip()) if type_ in SIGNALS else None
    return f"{' '.join(described[1].replace('`', '').split())}." if described else ""


class _Line:
    """The whole time of a flow, from its first event to the last thing that happened, or until now."""

    def __init__(self, events: Sequence[Event], reactions: Sequence[Reaction], now: datetime) -> None:
        self.start = events[0].time
        ends = [each.ended_at or now for each in reactions if each.started_at]
        self._end = max([events[-1].time, *ends])
        self._now = now

    def after(self, moment: datetime) -> str:
        """How long after the beginning."""
        return duration(max(0.0, (moment - self.start) / _MILLISECOND))

    def answer(self, reaction: Reaction) -> Answer:
        """A reaction with its bar."""
        if reaction.started_at is None:
            return Answer(reaction, None, 0, 0)
        ended = reaction.ended_at or self._now
        whole = max(self._end - self.start, _MILLISECOND)
        width = max(SHORTEST, round((ended - reaction.started_at) / whole * WIDTH))
        start = min(WIDTH - SHORTEST, max(0, round((reaction.started_at - self.start) / whole * WIDTH)))
        took = duration((ended - reaction.started_at) / _MILLISECOND) if reaction.ended_at else None
        return Answer(reaction, took, start, min(width, WIDTH - start))


def _moment(event: Event, line: _Line, reactions: Sequence[Reaction]) -> Moment:
    failure = event.data.get("failure")
    ends = event.type in SIGNALS and SIGNALS[event.type].ends == "succeeded"
    look = "bad" if failure else "good" if ends else "beside" if event.follower else ""
    return Moment(
        event=event,
        about=about(event.type),
        after=line.after(event.time),
        by=event.actor.removeprefix("action:"),
        look=look,
        facts=tell(event.data),
        failure=failure,
        data=dumps(event.data, indent=2, ensure_ascii=False),
        answers=[line.answer(reaction) for reaction in reactions],
    )
