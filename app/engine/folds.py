"""How models follow the log: functions that apply a signal's meaning to tables, and what is declared about
such tables.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Table

from app.engine.signal import Signal

FoldFunction = Callable[[Connection, Any], None]
ExpireFunction = Callable[[Connection, "Row[Any]", Any], Signal | None]
AnyFold = TypeVar("AnyFold", bound=Callable[..., Any])

_folds: dict[str, list[FoldFunction]] = defaultdict(list)
#: The tables that hold nothing but what folds wrote: a rebuild empties and refills them.
FOLDED: list[Table] = []
#: Tables whose rows must leave their state in time, with what to record when they did not.
DEADLINES: list[tuple[Table, ExpireFunction]] = []


def fold(*signals: type[Signal]) -> Callable[[AnyFold], AnyFold]:
    """Apply the decorated `(db, signal)` in the transaction that records one of `signals`, and in every
    rebuild.

    It reads the signal, `signal.recorded` and rows of its stream; no clock, no settings, no new ids.
    """

    def register(function: AnyFold) -> AnyFold:
        for signal in signals:
            _folds[signal.type].append(function)
        return function

    return register


def apply_folds(db: Connection, signal: Signal) -> None:
    """Let every model take note of a recorded signal."""
    for function in _folds[signal.type]:
        function(db, signal)


def folded(table: Table) -> Table:
    """Declare that `table` is a pure fold of the log."""
    FOLDED.append(table)
    return table


def deadline(table: Table) -> Callable[[AnyFold], AnyFold]:
    """Let the sweep call the decorated `(db, row, now) -> Signal | None` for rows whose `deadline_at` has
    passed.

    The table has columns `deadline_at` and `stream`; the stream is locked and the row read again before the
    call.
    """

    def register(function: AnyFold) -> AnyFold:
        DEADLINES.append((table, function))
        return function

    return register
