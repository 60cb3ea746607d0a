"""What an exposed action wants to be told besides the event: constants, and values of the event.

`{"site": "$.data.site", "reason": "over its quota"}`: a text that begins with `$.` is a path into the event
as the API shows it, `$$` begins a text that begins with `$`.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, select

from app.engine.actions import Action
from app.engine.cloudevents import attributes
from app.engine.fitting import kinds_at
from app.engine.patterns import shown
from app.engine.shapes import Schema, Shapes, can_meet, described, one_of
from app.engine.signal import SIGNALS, Event
from app.engine.tables import listener_versions
from app.errors import InvalidInput, PermanentError

REFERENCE, LITERAL = "$.", "$$"


def check(action: Action, given: Mapping[str, Any], types: Sequence[str]) -> None:
    """Whether an action can be run with this for every event of these types, as far as their schemas say.

    InvalidInput `parameter_unknown`, `parameter_missing`, `parameter_invalid`, `parameter_never_fits`.
    """
    wanted = action.parameters.model_fields
    for name in given:
        if name not in wanted:
            what = f"{action.name} takes no parameter {name!r}."
            raise InvalidInput("parameter_unknown", what, _advice(name, wanted))
    missing = [name for name, field in wanted.items() if field.is_required() and name not in given]
    if missing:
        what = f"{action.name} needs {one_of(missing)}."
        raise InvalidInput("parameter_missing", what, f'Say it in "with": {{"{missing[0]}": "$.data..."}}.')
    for name, value in given.items():
        if isinstance(value, str) and value.startswith(REFERENCE):
            for type_ in types:
                _check_reference(action, name, value, type_)
        else:
            _check_constant(action, name, _literal(value))


def for_event(db: Connection, action: Action, listener: str, event: Event) -> dict[str, Any] | None:
    """The parameters with which a listener's action answers an event, as the listener is now; a built-in one
    has none. None when it is deleted: then nothing is to be done. PermanentError `parameter_invalid`.
    """
    newest = select(listener_versions).where(listener_versions.c.listener == listener)
    row = db.execute(newest.order_by(listener_versions.c.since.desc()).limit(1)).one_or_none()
    if row is None or row.spec is None:
        return {}
    if row.until is not None:
        return None
    return take(action, row.spec["do"].get("with", {}), attributes(event))


def take(action: Action, given: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters for one event, which is as the API shows it. PermanentError `parameter_invalid`."""
    values = {name: _value(value, event) for name, value in given.items()}
    try:
        model = action.parameters.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        what = f"{name} of {action.name} cannot be {shown(values.get(name))}: {first['msg']}"
        hint = f"It is {shown(given.get(name))} of the listener. Change that, then retry the reaction."
        raise PermanentError("parameter_invalid", what, hint) from error
    return {name: getattr(model, name) for name in action.parameters.model_fields}


def _value(value: Any, event: Mapping[str, Any]) -> Any:
    if not isinstance(value, str) or not value.startswith(REFERENCE):
        return _literal(value)
    found: Any = event
    for name in _path(value):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _literal(value: Any) -> Any:
    return value[1:] if isinstance(value, str) and value.startswith(LITERAL) else value


def _path(reference: str) -> tuple[str, ...]:
    return tuple(reference.removeprefix(REFERENCE).split("."))


def _check_constant(action: Action, name: str, value: Any) -> None:
    field = action.parameters.model_fields[name]
    try:
        TypeAdapter(field.rebuild_annotation()).validate_python(value)
    except ValidationError as error:
        what = f"{name} of {action.name} cannot be {shown(value)}: {error.errors()[0]['msg']}."
        hint = (
            f"It is {described(_wanted(action, name)) or 'anything'}; $.data.field takes it from the event."
        )
        raise InvalidInput("parameter_invalid", what, hint) from error


def _check_reference(action: Action, name: str, reference: str, type_: str) -> None:
    path = _path(reference)
    known = kinds_at(SIGNALS[type_], path)
    if known is None:
        what = f"{name} of {action.name}: {'.'.join(path)} is not a field of {type_}."
        fields = list(SIGNALS[type_].model_fields)
        close = get_close_matches(path[-1], fields, 3, 0.5)
        said = f"Close to it: {', '.join(close)}." if close else f"It has data.{', data.'.join(fields)}."
        raise InvalidInput("parameter_never_fits", what, said)
    wanted = _wanted(action, name)
    if not any(can_meet(here, there) for here in known for there in wanted):
        what = f"{name} of {action.name} is {described(wanted)}, and {'.'.join(path)} of {type_} is"
        hint = "Take another field of the event, or say a constant."
        raise InvalidInput("parameter_never_fits", f"{what} {described(known) or 'never there'}.", hint)


def _wanted(action: Action, name: str) -> list[Schema]:
    schema = action.parameters.model_json_schema()
    return list(Shapes(schema).kinds(schema["properties"][name]))


def _advice(name: str, wanted: Iterable[str]) -> str:
    names = list(wanted)
    close = get_close_matches(name, names, 3, 0.5)
    if close:
        return f"Did you mean {one_of(close)}?"
    return f"It takes {', '.join(names)}." if names else "It takes none."
