"""What the engine's tests ask of the toy world and of the database, each in one line."""

from types import ModuleType
from typing import Any

from sqlalchemy import Table, select, text

from app.engine import Event, log, reading, recording
from app.engine.tables import flows, reactions, scopes
from tests.fixtures.simulation import Simulation


def order(toys: ModuleType, parcel: str = "a") -> str:
    """Begin a flow; its id."""
    with recording("token:me") as work:
        return work.record(toys.Ordered(parcel=parcel)).flow


def story(flow: str) -> list[Event]:
    with reading() as db:
        return log.read_flow(db, flow)


def types_of(flow: str) -> list[str]:
    return [event.type for event in story(flow)]


def rows_of(table: Table, **equal: Any) -> list[Any]:
    query = select(table)
    for name, value in equal.items():
        query = query.where(table.c[name] == value)
    with reading() as db:
        return list(db.execute(query.order_by(table.c.id)).all())


def reaction_of(action: str) -> Any:
    """The one reaction that this action answers."""
    [row] = rows_of(reactions, action=action)
    return row


def flow_row(flow: str) -> Any:
    [row] = rows_of(flows, id=flow)
    return row


def scope_rows() -> list[Any]:
    return rows_of(scopes)


def deliver_until(simulation: Simulation, action: str) -> None:
    """Work off messages until one for this action waits in the queue."""
    while not any(message.action == action for message in simulation.messages):
        simulation.deliver()


def somebody_waits() -> bool:
    """Whether a transaction of PostgreSQL waits for another one's lock."""
    with reading() as db:
        return bool(db.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar())
