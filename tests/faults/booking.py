"""A house whose rooms are booked: a reminder that comes later, money that is waited for, and a deadline by
which nobody has come. All of it lies in the future, so a platform that is restarted must remember it.
"""

from datetime import timedelta

from sqlalchemy import Column, Connection, String, Table, insert, update

from app.engine import Signal, Timestamp, action, awaited, deadline, fold, folded, metadata, on

#: Seconds from a booking until the reminder, the deadline, and the end of the wait for money.
DELAY, HOLD, PATIENCE = 6, 10, 18

rooms = folded(
    Table(
        "toy_rooms",
        metadata,
        Column("id", String(20), primary_key=True),
        Column("stream", String(200), nullable=False),
        Column("flow", String(36), nullable=False),
        Column("deadline_at", Timestamp(), nullable=True),
    )
)


class _OfRoom(Signal):
    room: str

    @property
    def stream(self) -> str:
        return f"/rooms/{self.room}"


class Booked(_OfRoom, type="toy.room.booked", starts="booking"):
    """Somebody books a room."""


class Reminded(_OfRoom, type="toy.room.reminded"):
    """They were reminded of it."""


class Paid(_OfRoom, type="toy.room.paid"):
    """Their money is here."""


class Confirmed(_OfRoom, type="toy.room.confirmed"):
    """It is theirs."""


class Missed(_OfRoom, type="toy.room.payment.missed"):
    """No money came."""


class Released(_OfRoom, type="toy.room.released"):
    """Nobody has come for it."""


@fold(Booked)
def book(db: Connection, event: Booked) -> None:
    at = event.recorded
    until = at.time + timedelta(seconds=HOLD)
    db.execute(insert(rooms).values(id=event.room, stream=at.stream, flow=at.flow, deadline_at=until))


@fold(Released)
def release(db: Connection, event: Released) -> None:
    db.execute(update(rooms).where(rooms.c.id == event.room).values(deadline_at=None))


@deadline(rooms)
def give_up(_db: Connection, row: object, _now: object) -> Signal:
    return Released(room=row.id).within(row.flow, None)


@action(service="mail")
def remind(event: Booked) -> Reminded:
    """Remind them of it."""
    return Reminded(room=event.room)


@action()
def confirm(event: Booked) -> Confirmed:
    """Give it to them."""
    return Confirmed(room=event.room)


def declare() -> None:
    """What leads to what."""
    on(Booked, do=remind, after=DELAY)
    on(awaited(Booked, until=Paid, by="room", within=PATIENCE, otherwise=Missed), do=confirm)
