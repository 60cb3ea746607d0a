"""What `flask domains` says of a host name's DNSLink."""

from collections.abc import Iterator
from typing import Any

from app.cli.output import fields, text, when

STATES = {
    "wanted": "is to be written",
    "failed": "could not be written",
    "applied": "written, not seen everywhere yet",
    "seen": "written, and seen everywhere",
}


def about(found: dict[str, Any] | None) -> list[str]:
    """How far it is, and what is wrong with it; nothing where none is written for the name."""
    if found is None:
        return []
    said = {
        "DNSLink": f"{STATES[found['state']]} (deploy #{found['deploy']})",
        "in our zone": found["fqdn"],
        "wanted": _since(found, "wanted"),
        "written": _since(found, "written"),
        "seen": _since(found, "seen"),
        "next try": when(found["next_try_at"]) if found["next_try_at"] else None,
    }
    return [*fields(said), *_troubles(found)]


def _since(found: dict[str, Any], name: str) -> str | None:
    at = found[f"{name}_at"]
    return f"{found[name]}, {when(at)}" if found[name] and at else found[name]


def _troubles(found: dict[str, Any]) -> Iterator[str]:
    for each in filter(None, [found["failure"], *found["warnings"]]):
        yield f"  {text(each['message'])} [{each['code']}]"
        yield f"  {text(each['hint'])}"
