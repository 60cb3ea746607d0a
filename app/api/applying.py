"""A whole list of listeners at once: `/v1/listeners/apply`, tried out or done."""

from collections.abc import Mapping
from typing import Annotated, Any

from flask import Response, current_app, jsonify
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.api.auth import check_everywhere, scope
from app.api.commands import Answer, Repeatable, perform
from app.api.doing import plain_do
from app.api.errors import body_problems, found_in
from app.api.listeners import TAGS, NewListener
from app.api.shown import webhook_secret, with_secret
from app.api.v1 import v1
from app.commands.applying import Applied, Listed, apply_listeners, check_revision, urls_to_check
from app.commands.listeners import CONDITION, Wish
from app.engine import Recording, reading
from app.errors import InvalidInput, PlatformError
from app.models import listeners

MOST = 500


class ListedListener(NewListener):
    """One listener of the list; it is known by its name. `enabled` false: it hears nothing."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool | None = None


class WholeList(BaseModel):
    """What the listeners are to be, all of them with `prune`: then what is not in the list is removed.

    With the `revision` that a `dry_run` has answered it is done only if nobody has changed any meanwhile.
    """

    model_config = ConfigDict(extra="forbid")

    listeners: Annotated[list[dict[str, Any]], Field(max_length=MOST)] = Field(
        description="Each as in `POST /v1/listeners`, with `enabled` if that is to be said."
    )
    prune: bool = False
    dry_run: bool = Field(False, description="Say what would be done, and what is wrong; change nothing.")
    revision: int | None = None


class Change(BaseModel):
    """What a field was, and what it is."""

    before: Any
    after: Any


class AddedListener(BaseModel):
    """A new listener. A secret of its webhook is shown this once, and to repeats of the request."""

    name: str
    id: str | None
    secret: str | None = None
    public_keys: list[str] = Field(default_factory=list)


class ChangedListener(AddedListener):
    """A listener and its fields that are different now; `secret` is one that was made for that."""

    fields: dict[str, Change]


class AppliedAnswer(BaseModel):
    """What was done, or would be. `kept` are not in the list, and stay since nobody said `prune`."""

    revision: int
    added: list[AddedListener]
    changed: list[ChangedListener]
    removed: list[str]
    unchanged: list[str]
    kept: list[str]


class _TriedOut(Exception):
    """Takes back what was done to find out."""


@v1.post("/listeners/apply", tags=TAGS, responses={200: AppliedAnswer, **body_problems(409)})
@scope("admin")
def apply(header: Repeatable, body: WholeList) -> Response:
    """Bring the listeners to what a list says: all of it, or nothing if anything in it is wrong."""
    check_everywhere()
    wanted, mistakes = _read(body.listeners)
    mistakes |= _wrong_addresses({place: one.wish for place, one in wanted.items()})
    tried: list[Any] = []

    def work(log: Recording) -> Answer:
        applied = apply_listeners(log, wanted, webhook_secret, prune=body.prune)
        _refuse(mistakes | {place: [_told(place, error)] for place, error in applied.mistakes.items()})
        check_revision(applied, body.revision)
        tried.append(_said(applied, dry_run=body.dry_run))
        if body.dry_run:
            raise _TriedOut
        return Answer(tried[0])

    try:
        return perform(work, header, body.model_dump(mode="json"), _with_secrets)
    except _TriedOut:
        return jsonify(tried[0])


def _read(given: list[dict[str, Any]]) -> tuple[dict[int, Listed], dict[int, list[Any]]]:
    """What each entry means, and what of those is wrong that mean nothing."""
    wanted, mistakes = {}, {}
    for place, each in enumerate(given):
        try:
            one = ListedListener.model_validate(each)
        except ValidationError as error:
            mistakes[place] = found_in(error, ("listeners", place))
            continue
        condition = one.model_dump(include=set(CONDITION))
        wish = Wish(one.name, one.on, plain_do(one.do), one.when, one.key, condition)
        wanted[place] = Listed(wish, one.enabled)
    return wanted, mistakes


def _wrong_addresses(wishes: Mapping[int, Wish]) -> dict[int, list[Any]]:
    """Looked at before anything is locked: names of hosts are looked up."""
    with reading() as db:
        known = [one for wish in wishes.values() if (one := listeners.named(db, wish.name.strip()))]
    found = {}
    for place, url in urls_to_check(known, wishes).items():
        try:
            current_app.extensions["check_url"](url)
        except PlatformError as error:
            found[place] = [_told(place, error, "do.webhook.url")]
    return found


def _told(place: int, error: PlatformError, inner: str = "") -> dict[str, str]:
    field = ".".join(filter(None, ("listeners", str(place), inner)))
    return {"field": field, "code": error.code, "message": error.message, "hint": error.hint}


def _refuse(mistakes: Mapping[int, list[Any]]) -> None:
    found = [each for place in sorted(mistakes) for each in mistakes[place]]
    if found:
        told = "; ".join(f"{each['field']}: {each['message'].rstrip('.')}" for each in found[:3])
        more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
        hint = "Nothing was changed. Correct them and apply it again."
        raise InvalidInput("listeners_invalid", f"{told}{more}.", hint, evidence={"errors": found})


def _said(applied: Applied, *, dry_run: bool) -> dict[str, Any]:
    ids: Mapping[str, str] = {} if dry_run else applied.ids
    changed = {
        name: {field: Change(before=before, after=after) for field, (before, after) in fields.items()}
        for name, fields in applied.changed.items()
    }
    same = {name: getattr(applied, name) for name in ("revision", "removed", "unchanged", "kept")}
    answer = AppliedAnswer(
        added=[AddedListener(name=name, id=ids.get(name)) for name in applied.added],
        changed=[ChangedListener(name=name, id=ids.get(name), fields=it) for name, it in changed.items()],
        **same,
    )
    return answer.model_dump(mode="json")


def _with_secrets(body: Any) -> Any:
    return body | {name: [with_secret(each) for each in body[name]] for name in ("added", "changed")}
