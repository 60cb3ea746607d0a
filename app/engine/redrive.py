"""Dead letters: a dead reaction is tried again, or many by a filter, or one is given up for good. And what a
listener that people configured has answered is answered once more.
"""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, literal, or_, select, update

from app.engine import ordering, past, replays, waits
from app.engine.facts import ReactionRedriven, ReactionSkipped, replay_stream
from app.engine.past import Wish
from app.engine.reactions import DEAD, DONE, OPEN, SKIPPED, WAITING, Alike
from app.engine.recording import Recording
from app.engine.replays import Replay
from app.engine.signal import SIGNALS, Event, ReactionDeadLettered
from app.engine.tables import events, reactions
from app.errors import Conflict, InvalidInput, NotFound

#: At most so many are let go in one transaction: two seconds in which nobody else writes to SQLite.
MOST = 500
GIVEN_UP, FAILED, RETRY = "given_up", "failed", "retry"

_IS_DEAD = reactions.c.state == literal(DEAD, literal_execute=True)  # spelt out: the index has it so
_HAS_FAILED = reactions.c.outcome == literal(FAILED, literal_execute=True)
_other = reactions.alias()
#: What a listener has answered to the same event with success, or is about to, or has failed at later.
_SINCE = (
    select(_other.c.id)
    .where(
        _other.c.event == reactions.c.event,
        _other.c.listener == reactions.c.listener,
        _other.c.id != reactions.c.id,
        or_(
            _other.c.state.in_(OPEN),
            (_other.c.state == DONE) & (_other.c.outcome != FAILED),
            (_other.c.generation > reactions.c.generation) & _other.c.state.in_((DEAD, DONE)),
        ),
    )
    .exists()
)


@dataclass(frozen=True, slots=True)
class Wanted(Alike):
    """Which dead reactions are meant."""

    #: How their streams begin.
    under: str = "/"
    #: They come behind the one with this id.
    after: str | None = None
    #: Also those that ended as failed, of a configured `listener`; none whose event was answered since.
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Redriven:
    """How many are tried again. `next` is the last of them when there are more, to be passed as `after`."""

    count: int
    next: str | None


def redrive(work: Recording, reaction: str) -> None:
    """Let a dead reaction be tried again, as often as a new one; its flow is open again.

    NotFound `reaction_not_found`; Conflict `reaction_not_dead`.
    """
    _begin_again(work, _lock(work, reaction))


def redrive_many(work: Recording, wanted: Wanted, limit: int = MOST) -> Redriven:
    """Let up to `limit` dead reactions be tried again, the oldest first."""
    chosen, following = _choose(work.db, wanted, limit)
    work.lock(*{row.stream for row in chosen})
    ids = [row.id for row in chosen]
    by_event = select(reactions).join(events, events.c.id == reactions.c.event).order_by(events.c.serial)
    still = or_(*_states(wanted))
    dead = work.db.execute(by_event.where(reactions.c.id.in_(ids), still)).all()
    for row in dead:
        _begin_again(work, row)
    return Redriven(len(dead), following)


def count_wanted(db: Connection, wanted: Wanted, limit: int = MOST) -> Redriven:
    """What `redrive_many` would do now."""
    chosen, following = _choose(db, wanted, limit)
    return Redriven(len(chosen), following)


def _choose(db: Connection, wanted: Wanted, limit: int) -> tuple[list[Any], str | None]:
    """The first of those that are wanted, and the last of these when there are more."""
    found = list[Any]()
    for state in _states(wanted):  # one by one, so that each is looked up in its index
        query = select(reactions.c.id, reactions.c.stream).where(state, *_conditions(wanted))
        found += db.execute(query.order_by(reactions.c.id).limit(limit + 1))
    found.sort(key=lambda row: row.id)
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def once_more(work: Recording, listener: str, event: Event) -> str | Replay:
    """Let a configured listener answer a sealed event again, whatever became of it: a reaction that failed,
    or waits for its next attempt, is tried now, and its id returned; else a replay of this one event begins.

    NotFound `listener_not_found`; Conflict `listener_disabled`, `reaction_open`; InvalidInput
    `event_not_heard`.
    """
    place = past.place(event)
    wish = Wish(listener, place, place, again=True)
    hearing, *_ = past.resolve(work.db, wish)
    work.lock(event.stream, replay_stream(listener))
    of_it = (reactions.c.event == event.id, reactions.c.listener == listener)
    newest = select(reactions).where(*of_it).order_by(reactions.c.generation.desc()).limit(1)
    row = work.db.execute(newest).one_or_none()
    if row is None and not hearing.hears(event):
        hint = "Why: flask events explain EVENT --listener ID"
        raise InvalidInput("event_not_heard", "This listener does not answer that event.", hint)
    retried = row is not None and (row.state, row.waits_for) == (WAITING, RETRY)
    if row is not None and row.state in OPEN and not retried:
        hint = "It is under way, or waits for its turn or its listener: see the reaction."
        raise Conflict("reaction_open", f"The event is being answered: {row.id} is {row.state}.", hint)
    if row is not None and retried:
        work.let_go(reactions.c.id == row.id)
        _tell(work, ReactionRedriven, row)
    elif row is not None and (row.state == DEAD or row.outcome == FAILED):
        _begin_again(work, row)
    else:
        return replays.start(work, wish)
    return str(row.id)


def give_up(work: Recording, reaction: str) -> None:
    """Skip a dead reaction for good: what it holds back in its line goes on.

    NotFound `reaction_not_found`; Conflict `reaction_not_dead`.
    """
    row = _lock(work, reaction)
    ends = {"state": SKIPPED, "outcome": GIVEN_UP, "ended_at": work.now}
    work.db.execute(update(reactions).where(reactions.c.id == row.id).values(ends))
    if _in_line(row):
        work.go_on((row.listener, row.stream, row.key))
    _tell(work, ReactionSkipped, row)


def _conditions(wanted: Wanted) -> list[Any]:
    under = reactions.c.stream.startswith(wanted.under, autoescape=True)
    found = [under, *wanted.conditions()]
    if wanted.failed:
        found.append(~_SINCE)
    if wanted.after is not None:
        found.append(reactions.c.id > wanted.after)
    return found


def _states(wanted: Wanted) -> list[ColumnElement[bool]]:
    return [_IS_DEAD, _HAS_FAILED] if wanted.failed else [_IS_DEAD]


def _lock(work: Recording, reaction: str) -> Row[Any]:
    query = select(reactions).where(reactions.c.id == reaction)
    row = work.db.execute(query).one_or_none()
    if row is None:
        raise NotFound("reaction_not_found", "There is no such reaction.", "See the list of reactions.")
    work.lock(row.stream)
    row = work.db.execute(query).one()
    if row.state != DEAD:
        hint = "Only a dead one can be tried again or skipped. Somebody may just have done so."
        raise Conflict("reaction_not_dead", f"The reaction is {row.state}, not dead.", hint)
    return row


def _begin_again(work: Recording, row: Row[Any]) -> None:
    """Make a dead reaction like a new one, under a new fence; its failure is kept until its next end."""
    this_one = reactions.c.id == row.id
    anew: dict[str, Any] = dict.fromkeys(("outcome", "wake_at", "due_at", "started_at", "ended_at", "worker"))
    anew |= {"state": WAITING, "waits_for": ordering.KEY, "attempt": 0, "sends": 0}
    work.db.execute(update(reactions).where(this_one).values(fence=reactions.c.fence + 1, **anew))
    line = (row.listener, row.stream, row.key)
    if not _in_line(row) and row.key is not None and row.awaited is None:  # nothing has ended its wait yet
        over = {"waits_for": waits.EVENT, "due_at": work.now, "wake_at": work.now}
        work.db.execute(update(reactions).where(this_one).values(over))
    elif not (_in_line(row) and ordering.has_head(work.db, line, besides=row.id)):
        work.let_go(this_one)
    work.reopen_reaction(row, _outcome_without_the_dead(work.db, row.flow))
    _tell(work, ReactionRedriven, row)


def _in_line(row: Row[Any]) -> bool:
    """Whether its key orders it; a reaction that waited for an event has another sort of key."""
    return row.place is not None


def _outcome_without_the_dead(db: Connection, flow: str) -> str | None:
    """How a flow would have ended if nobody had died in it but those who are dead still."""
    ending = [type_ for type_, signal in SIGNALS.items() if signal.ends]
    query = select(events.c.type, events.c.data).where(
        events.c.flow == flow, events.c.type.in_(ending), ~events.c.follower
    )
    still = select(reactions.c.id).where(reactions.c.flow == flow, _IS_DEAD)
    dead = set(db.execute(still).scalars())
    for row in db.execute(query.order_by(events.c.serial.desc())):
        if row.type != ReactionDeadLettered.type or row.data["reaction"] in dead:
            return SIGNALS[row.type].ends
    return None


def _tell(work: Recording, fact: type[ReactionRedriven | ReactionSkipped], row: Row[Any]) -> None:
    """In the flow and the stream of the answered event; of a follower's, nothing follows that counts."""
    told = fact(
        reaction=row.id,
        listener=row.listener,
        action=row.action,
        of_stream=row.stream,
        of_label=row.label,
        by=work.origin.actor,
    )
    before = work.origin
    work.origin = replace(before, follower=row.follower)
    work.record(told.within(row.flow, row.event))
    work.origin = before
