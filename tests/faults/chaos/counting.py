"""Counting afterwards, by SQL and from outside: what was lost, done twice, or never ended."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from sqlalchemy import Connection, func, select

from app.engine import log, reading
from app.engine.actions import ACTIONS
from app.engine.listeners import LISTENERS
from app.engine.rebuild import verify
from app.engine.tables import events, flows, reactions, scopes
from app.models.deploys import deploys
from app.models.sites import sites
from tests.faults.chaos.load import Wish
from tests.faults.chaos.receiver import CALLER, HEARS, LISTENER, Call

TERMINAL = {"live", "archived", "skipped", "superseded", "failed", "cancelled"}
ENDED = {"succeeded", "failed", "cancelled"}


def open_things() -> dict[str, int]:
    """What is not at rest yet: counts by name, empty when all is."""
    with reading() as db:
        found = {
            "reactions": _count(db, reactions.c.wake_at.is_not(None)),
            "flows": _count(db, flows.c.state.not_in(ENDED)),
            "scopes": _count(db, scopes.c.deadline_at.is_not(None)),
        }
    return {name: count for name, count in found.items() if count}


def _count(db: Connection, which: object) -> int:
    return int(db.execute(select(func.count()).where(which)).scalar_one())  # type: ignore[arg-type]


def count_database(wishes: list[Wish]) -> dict[str, object]:
    """The figures of the database; those that must be 0 have the names of `report.TARGETS`."""
    log.catch_up()
    with reading() as db:
        return {
            "events": _count(db, events.c.serial > 0),
            "reactions": _count(db, reactions.c.id != ""),
            **_coverage(db),
            **_repeated(db),
            **_ends(db),
            **_wishes(db, wishes),
            "fold differences": len(verify()),
        }


def _coverage(db: Connection) -> dict[str, object]:
    """Every event has one reaction of every listener that it matches, and no other."""
    wanted = {
        (event.id, name)
        for event in db.execute(select(events.c.id, events.c.type, events.c.data))
        for name in _answering(event.type, event.data)
    }
    made = Counter(tuple(row) for row in db.execute(select(reactions.c.event, reactions.c.listener)))
    return {
        "reactions lost": len(wanted - set(made)),
        "reactions nobody wanted": len(set(made) - wanted) + sum(count - 1 for count in made.values()),
        "reactions left open": _count(db, reactions.c.ended_at.is_(None)),
        "reactions dead": _count(db, reactions.c.state == "dead"),
        "reactions tried again": _count(db, reactions.c.attempt > 1),
    }


def _answering(type_: str, data: Mapping[str, Any]) -> list[str]:
    """The listeners of the product, and the one that only the harness' processes have."""
    found = [listener.name for listener in LISTENERS.matching(type_, data) if _is_ours(listener.action)]
    return [*found, LISTENER] if type_ == HEARS else found


def _is_ours(action: str) -> bool:
    return ACTIONS[action].body.__module__.startswith("tasks.")


def _repeated(db: Connection) -> dict[str, object]:
    """Facts that are there twice although their cause was there once."""
    stories, results, measured = Counter(), Counter(), Counter()
    for event in db.execute(select(events)):
        if event.type.startswith("site.deploy."):
            stories[event.flow, event.type, event.subject] += 1
        if event.recorded_by:
            which = event.data.get("meter"), event.data.get("hostname")
            results[event.recorded_by, event.type, event.subject, which] += 1
        if event.type == "usage.measured":
            measured[event.data["idempotency_key"]] += 1
    every = [*stories.values(), *results.values(), *measured.values()]
    return {"done twice in the database": sum(count - 1 for count in every)}


def _ends(db: Connection) -> dict[str, object]:
    statuses = Counter(db.execute(select(deploys.c.status)).scalars())
    ended = Counter(db.execute(select(flows.c.state)).scalars())
    return {
        "flows not terminal": sum(count for state, count in ended.items() if state not in ENDED),
        "flows with a wrong count": _count(db, flows.c.open != 0) + _count(db, scopes.c.open != 0),
        "deploys not terminal": sum(count for state, count in statuses.items() if state not in TERMINAL),
        "deploys failed": statuses["failed"] + _count(db, deploys.c.partial.is_(True)),
        "deploys by status": dict(sorted(statuses.items())),
    }


def _wishes(db: Connection, wishes: list[Wish]) -> dict[str, object]:
    """Each wish is one deploy, whatever became of its answers; the newest of each site is what it serves."""
    known = Counter(str(wish.answer.get("id")) for wish in wishes if wish.status == 202)
    made = Counter(db.execute(select(deploys.c.id)).scalars())
    newest = select(deploys.c.site_id, func.max(deploys.c.number).label("number")).group_by(deploys.c.site_id)
    latest = newest.subquery()
    wrong = (
        select(func.count())
        .select_from(latest)
        .join(deploys, (deploys.c.site_id == latest.c.site_id) & (deploys.c.number == latest.c.number))
        .join(sites, sites.c.id == latest.c.site_id)
        .where((deploys.c.status != "live") | (sites.c.live_deploy_id != deploys.c.id))
    )
    return {
        "wishes not accepted": sum(wish.status != 202 for wish in wishes),
        "wishes without their one deploy": len((known - made) + (made - known)),
        "sites whose newest is not live": int(db.execute(wrong).scalar_one()),
    }


def count_outside(calls: list[Call]) -> dict[str, object]:
    """What the world outside saw: each event under one key, which is its reaction's id."""
    keys = defaultdict(set)
    for call in calls:
        keys[call.event].add(call.key)
    query = select(reactions.c.event, reactions.c.id).where(reactions.c.action == CALLER)
    with reading() as db:
        told = {row.event: row.id for row in db.execute(query)}
    return {
        "calls outside": len(calls),
        "repeats outside under their key": len(calls) - len({call.key for call in calls}),
        "repeats outside under another key": sum(len(each) - 1 for each in keys.values()),
        "calls under a wrong key": sum(each != {told.get(event)} for event, each in keys.items()),
        "never told outside": len(set(told) - set(keys)),
    }


def count_served(gateway: int, wishes: list[Wish]) -> dict[str, object]:
    """What visitors get of each site, against what the live deploy was asked to say."""
    words = {wish.answer.get("id"): wish.word for wish in wishes}
    with reading() as db:
        live = {row.slug: words.get(row.live_deploy_id) for row in db.execute(select(sites))}
    wrong = [slug for slug, word in live.items() if _visit(gateway, slug) != f"<h1>{word}</h1>"]
    return {"sites": len(live), "sites serving something else": len(wrong)}


def _visit(gateway: int, slug: str) -> str | None:
    address = Request(f"http://127.0.0.1:{gateway}/", headers={"Host": f"{slug}.localhost:{gateway}"})
    try:
        with urlopen(address, timeout=10) as answer:  # noqa: S310 - our own gateway
            return str(answer.read().decode())
    except URLError:
        return None
