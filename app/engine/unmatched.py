"""Why a listener that people configure did not answer an event: by the version of it that the event met."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, select

from app.engine.cloudevents import attributes
from app.engine.database import storable
from app.engine.hearing import DISABLED, hearing_of
from app.engine.matching import Node
from app.engine.patterns import shown
from app.engine.signal import Event
from app.engine.tables import events, listener_versions


def why(db: Connection, event: Event, listener: str) -> tuple[str, str] | None:
    """A code and a sentence, as `explain` has them; None when nobody has ever configured such a listener."""
    if listener != storable(listener):
        return None
    of_it = listener_versions.c.listener == listener, listener_versions.c.spec.is_not(None)
    versions = db.execute(select(listener_versions).where(*of_it).order_by(listener_versions.c.since)).all()
    if not versions:
        return None
    query = select(events.c.configured).where(events.c.id == event.id)
    revision = db.execute(query).scalar_one()
    gone = "" if versions[-1].until is None else " It is deleted now."
    met = [row for row in versions if row.since <= revision < (row.until or revision + 1)]
    if not met:
        later = versions[0].since > revision
        code = "not_declared_then" if later else "not_declared_now"
        return code, f"It was {'configured after' if later else 'deleted before'} the event was recorded."
    code, reason = _of_version(met[0], event)
    return code, f"{reason}{gone}"


def _of_version(version: Row[Any], event: Event) -> tuple[str, str]:
    if version.state == DISABLED:
        return "disabled", "It was disabled when the event was recorded."
    try:
        hearing = hearing_of(version)
    except Exception as error:  # as where it is loaded: it may be of a newer process
        return "unknown_then", f"This process cannot read that version of it: {error}"
    if hearing is None or event.type not in hearing.listener.types:
        heard = " or ".join(version.spec["on"])
        besides = f", but not {' or '.join(version.spec['besides'])}" if version.spec["besides"] else ""
        return "type_differs", f"It answers {heard}{besides}; this is {event.type}."
    if not hearing.accepts(event):
        return "condition_failed", f"Its pattern {_misses(hearing.pattern, attributes(event))}."
    return "missing", "It should have answered and did not: report it, and replay the event."


def _misses(node: Node | None, found: Any, path: str = "") -> str:
    """What of a pattern is not so."""
    for name, inner in node.fields if node else ():
        here = found.get(name) if isinstance(found, Mapping) else None
        if not inner.holds(here):
            where = f"{path}.{name}".lstrip(".")
            if isinstance(inner, Node):
                return _misses(inner, here, where)
            return f"wants {where} otherwise; it is {shown(here)}"
    return f"wants one of the alternatives of $or{f' in {path}' if path else ''}, and none is so"
