"""The engine's own tables: streams and the log, reactions, and the counts by which flows and scopes end."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from app.engine.database import Json, Timestamp, metadata

#: A 64-bit key that SQLite draws by itself (it does so for INTEGER only).
Serial = BigInteger().with_variant(Integer(), "sqlite")


def _partial(name: str, *columns: str, where: str) -> Index:
    """An index of some rows, which serves queries that say the same condition in the same words."""
    return Index(name, *columns, postgresql_where=text(where), sqlite_where=text(where))


#: One row per stream, for its lock alone: it makes everything inside a stream happen one after the other.
streams = Table(
    "streams",
    metadata,
    Column("id", String(200), primary_key=True),
)

#: The log. Rows are inserted and get their position; nothing else ever changes or removes them.
events = Table(
    "events",
    metadata,
    Column("serial", Serial, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("position", BigInteger, nullable=True, unique=True),
    Column("type", String(100), nullable=False),
    Column("stream", String(200), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("time", Timestamp(), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("label", String(200), nullable=False),
    Column("flow", String(36), nullable=False, index=True),
    Column("cause", String(36), nullable=True),
    Column("actor", String(200), nullable=False),
    Column("follower", Boolean, nullable=False),
    Column("depth", Integer, nullable=False),
    Column("recorded_by", String(36), nullable=True),  # the reaction whose result it is
    Column("revision", String(16), nullable=False),  # of the built-in listeners it was matched under
    Column("data", Json(), nullable=False),
    Column("configured", BigInteger, nullable=False, server_default=text("0")),  # the revision of the rows
    UniqueConstraint("stream", "sequence"),
    Index("ix_events_type", "type", "serial"),
    Index("ix_events_subject", "subject", "serial"),
    _partial("ix_events_unsealed", "serial", where="position IS NULL"),
)

#: One listener's answer to one event. `wake_at` is when the sweep must look at it next; None when nothing is
#: left to do.
reactions = Table(
    "reactions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("event", String(36), nullable=False),
    Column("listener", String(200), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("action", String(100), nullable=False),
    Column("outer", Boolean, nullable=False),
    Column("flow", String(36), nullable=False, index=True),
    Column("scope", String(36), nullable=True),
    Column("stream", String(200), nullable=False),
    Column("label", String(200), nullable=False),
    Column("parent", String(36), nullable=True),  # the reaction that recorded the event
    Column("follower", Boolean, nullable=False),
    Column("depth", Integer, nullable=False),
    Column("state", String(10), nullable=False),
    Column("outcome", String(20), nullable=True),
    Column("attempt", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("sends", Integer, nullable=False),
    Column("wake_at", Timestamp(), nullable=True),
    Column("due_at", Timestamp(), nullable=True),
    Column("failure", Json(), nullable=True),
    Column("worker", String(100), nullable=True),
    Column("created_at", Timestamp(), nullable=False),
    Column("started_at", Timestamp(), nullable=True),
    Column("ended_at", Timestamp(), nullable=True),
    Column("key", String(200), nullable=True),  # what orders it in its stream, or what it waits for
    Column("stops", Boolean, nullable=False, server_default=false()),  # dead, it holds back those behind it
    Column("waits_for", String(10), nullable=True),  # retry, key, slot, rate, delay or event
    Column("awaited", String(36), nullable=True),  # the event that ended its wait
    Column("place", BigInteger, nullable=True),  # in its line: its event's serial
    UniqueConstraint("event", "listener", "generation"),
    _partial("ix_reactions_open", "wake_at", where="wake_at IS NOT NULL"),
    _partial(
        "ix_reactions_queue",
        "listener",
        "stream",
        "key",
        "state",
        "waits_for",
        "place",
        where="key IS NOT NULL",
    ),
    _partial("ix_reactions_running", "listener", where="state = 'running'"),
    _partial("ix_reactions_waiting", "listener", "waits_for", "id", where="waits_for IS NOT NULL"),
    _partial("ix_reactions_replayed", "listener", "generation", "state", where="generation > 0"),
    _partial("ix_reactions_dead", "id", where="state = 'dead'"),
    _partial("ix_reactions_failed", "listener", "id", where="outcome = 'failed'"),
)

#: All that one first event caused; `open` counts its unfinished reactions, followers not counted.
flows = Table(
    "flows",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("kind", String(100), nullable=False, index=True),
    Column("subject", String(200), nullable=False),
    Column("label", String(200), nullable=False),
    Column("stream", String(200), nullable=False, index=True),
    Column("state", String(10), nullable=False),
    Column("outcome", String(10), nullable=True),
    Column("open", Integer, nullable=False),
    Column("started_at", Timestamp(), nullable=False),
    Column("ended_at", Timestamp(), nullable=True),
    Column("cancel_at", Timestamp(), nullable=True),  # a cancel was asked for; from then on it is forced
    Column("deadline_at", Timestamp(), nullable=True),  # until then something must happen
    _partial("ix_flows_cancel", "cancel_at", where="cancel_at IS NOT NULL"),
    _partial("ix_flows_deadline", "deadline_at", where="deadline_at IS NOT NULL"),
)

#: A part of a flow that listeners wait for to settle; its id is that of the event it began with.
scopes = Table(
    "scopes",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("parent", String(36), nullable=True),
    Column("flow", String(36), nullable=False),
    Column("open", Integer, nullable=False),
    Column("waiting", Json(), nullable=False),  # listener -> deadline, for those that have not fired
    Column("deadline_at", Timestamp(), nullable=True),
    _partial("ix_scopes_deadline", "deadline_at", where="deadline_at IS NOT NULL"),
)

#: The engine's notes to itself, such as the identity of the broker it last saw.
engine_state = Table(
    "engine_state",
    metadata,
    Column("name", String(50), primary_key=True),
    Column("value", Text, nullable=False),
)

#: One row per listener with limits: whoever claims for it locks the row. `next_at` is the next place in its
#: rate that nobody has; the attempts that have begun use the rate up until `begun_until`.
limits = Table(
    "limits",
    metadata,
    Column("listener", String(200), primary_key=True),
    Column("next_at", Timestamp(), nullable=True),
    Column("begun_until", Timestamp(), nullable=True),
)

#: What processes declared: the revision stands on every event that was matched under it.
listener_sets = Table(
    "listener_sets",
    metadata,
    Column("revision", String(16), primary_key=True),
    Column("listeners", Json(), nullable=False),
    Column("actions", Json(), nullable=False),
    Column("first_at", Timestamp(), nullable=False),
    Column("seen_at", Timestamp(), nullable=False),
)

#: What people configured: a listener as it is from one revision of the rows up to, but not with, another. Of
#: a built-in one there is no `spec`.
listener_versions = Table(
    "listener_versions",
    metadata,
    Column("listener", String(200), primary_key=True),
    Column("since", BigInteger, primary_key=True, autoincrement=False),
    Column("until", BigInteger, nullable=True),
    Column("name", String(200), nullable=False),
    Column("state", String(10), nullable=False),  # active, paused or disabled
    Column("spec", Json(), nullable=True),
    Index("ix_listener_versions_since", "since"),
    Index("ix_listener_versions_until", "until"),
)

#: What counts for a listener's condition, until it is met or too old.
condition_matches = Table(
    "condition_matches",
    metadata,
    Column("listener", String(200), primary_key=True),
    Column("entity", String(200), primary_key=True),
    Column("role", String(10), primary_key=True),  # first or then
    Column("serial", BigInteger, primary_key=True, autoincrement=False),
    Column("event", String(36), nullable=False),
    Column("at", Timestamp(), nullable=False),
    Column("until", Timestamp(), nullable=False),
    Index("ix_condition_matches_until", "until"),
)

#: Past events given to one listener again: `after` < position <= `until`, worked off up to `cursor`.
replays = Table(
    "replays",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("listener", String(200), nullable=False),
    Column("state", String(10), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("after", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("cursor", BigInteger, nullable=False),
    Column("rate", Float, nullable=True),  # reactions per second
    Column("again", Boolean, nullable=False),  # also what was answered before
    Column("matched", BigInteger, nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("suppressed", BigInteger, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("started_at", Timestamp(), nullable=False),
    Column("ended_at", Timestamp(), nullable=True),
    Column("wake_at", Timestamp(), nullable=True),
    Column("most", BigInteger, nullable=True),  # reactions in all
    UniqueConstraint("listener", "generation"),
    _partial("ix_replays_wake", "wake_at", where="wake_at IS NOT NULL"),
)

#: Reactions that ought to be there and are not.
coverage_gaps = Table(
    "coverage_gaps",
    metadata,
    Column("event", String(36), primary_key=True),
    Column("listener", String(200), primary_key=True),
    Column("found_at", Timestamp(), nullable=False),
)
