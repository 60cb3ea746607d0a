"""A shop in which two people may buy the last piece: a classic mistake, planted to show that it is found."""

from collections.abc import Callable

from sqlalchemy import Column, Connection, Integer, String, Table, insert, select, update

from app.engine import Signal, action, current, fold, folded, metadata, on, reading

stock = folded(
    Table(
        "toy_stock",
        metadata,
        Column("id", String(36), primary_key=True),
        Column("left", Integer, nullable=False),
    )
)


class Shop(Signal):
    item: str

    @property
    def stream(self) -> str:
        return f"/items/{self.item}"


class Filled(Shop, type="toy.stock.filled"):
    """There are so many pieces."""

    pieces: int


class Placed(Shop, type="toy.order.placed", starts="order"):
    """Somebody wants a piece."""

    order: str


class Sold(Shop, type="toy.order.sold", ends="succeeded"):
    """It is theirs."""

    order: str


class Refused(Shop, type="toy.order.refused", ends="failed"):
    """There was none left."""

    order: str


@fold(Filled)
def fill(db: Connection, event: Filled) -> None:
    db.execute(insert(stock).values(id=event.item, left=event.pieces))


@fold(Sold)
def take(db: Connection, event: Sold) -> None:
    db.execute(update(stock).where(stock.c.id == event.item).values(left=stock.c.left - 1))


def _decided(db: Connection, event: Placed) -> Sold | Refused:
    left = db.execute(select(stock.c.left).where(stock.c.id == event.item)).scalar_one()
    answer = Sold if left > 0 else Refused
    return answer(item=event.item, order=event.order)


@action(service="till")
def sell_at_once(event: Placed) -> Sold | Refused:
    """The mistake: what it read may not be so any more when its answer is recorded."""
    with reading() as db:
        return _decided(db, event)


@action(service="till")
def sell(event: Placed) -> Callable[[], Sold | Refused]:
    """Its twin decides under the lock of the item."""
    return lambda: _decided(current().db, event)


def declare(*, mistaken: bool) -> None:
    """The shop's listener, with the mistake or without."""
    on(Placed, do=sell_at_once if mistaken else sell)
