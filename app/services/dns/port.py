"""The port: what is asked of the zone that is ours, and what every backend answers alike."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from app.dns.names import is_below
from app.errors import InvalidInput, PermanentError, RetryableError

MOST_TEXT_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one name is to hold in one type from now on, all of it; no values: nothing.

    `was` is what it holds now, as far as is known: the change is made only if that is so. `()` is nothing,
    None is whatever it may be. Names are in ASCII, without closing dots; `ttl` is in seconds.
    """

    name: str
    type: Literal["TXT", "CNAME", "A", "AAAA"]
    values: tuple[str, ...]
    ttl: int = 60
    was: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a change came to, read back; not `changed` if it was so before; `serial` of the zone, if known."""

    values: tuple[str, ...]
    changed: bool
    serial: int | None = None


class OwnZone(Protocol):
    """A zone that is ours. Every change may be repeated: a name that holds what it should is left alone.

    Errors besides those of each method: InvalidInput `not_in_zone` for a name of another zone; RetryableError
    `dns_unreachable` or `update_failed` when the server cannot; PermanentError `update_refused`,
    `update_notauth`, `update_badkey`, `update_badsig`, `update_badtime` or `update_unsupported` when it will
    not; of a provider `provider_busy`, `provider_denied` and `provider_unknown`.
    """

    @property
    def name(self) -> str:
        """What facts call the backend: `rfc2136`, `lexicon`, `memory`, `manual`."""

    @property
    def zone(self) -> str:
        """The zone's name."""

    def read(self, name: str, kind: str) -> tuple[str, ...]:
        """What a name holds in one type, sorted; the strings of a text are joined."""

    def replace(self, change: Change) -> Written:
        """Change a name in one act, so that nobody ever sees it half changed.

        RetryableError `update_conflict` when it holds neither `was` nor the new values: somebody else has
        changed it, and what is to be done must be decided anew. PermanentError `update_by_hand` when a
        person has to do it: its hint says what to enter.
        """


def checked(change: Change, zone: str) -> Change:
    """The change itself; InvalidInput where it is none for this zone, or cannot be told in DNS."""
    if not is_below(change.name, zone):
        hint = f"Only names below {zone} are ours: see DNS_ZONE."
        raise InvalidInput("not_in_zone", f"{change.name} does not lie in the zone {zone}.", hint)
    longest = max((len(value.encode()) for value in change.values), default=0)
    if longest > MOST_TEXT_BYTES:
        raise InvalidInput(
            "value_too_long", f"A value has {longest} bytes; {MOST_TEXT_BYTES} are the most.", ""
        )
    return change


def same(values: Iterable[str], others: Iterable[str]) -> bool:
    """Whether a name that holds the one holds the other: records have no order."""
    return set(values) == set(others)


def conflict(change: Change, found: tuple[str, ...]) -> RetryableError:
    """The error for a name that was changed by somebody else."""
    return RetryableError(
        "update_conflict",
        f"{change.name} does not hold what it should hold before the change; somebody else has changed it.",
        "It is read and decided anew. If it happens again, look who else writes this zone.",
        evidence={"name": change.name, "expected": list(change.was or ()), "found": list(found)},
    )


def by_hand(change: Change, zone: str, found: tuple[str, ...]) -> PermanentError:
    """The error for a change that a person has to make, with what to enter."""
    shown = " and ".join(f"“{value}”" for value in change.values)
    what = (
        f"Enter in {zone}: type {change.type}, name “{change.name}.”, TTL {change.ttl}, value {shown}, alone."
    )
    if not change.values:
        what = f"Delete in {zone} the {change.type} record of {change.name}."
    return PermanentError(
        "update_by_hand",
        f"{change.name} has to be changed by a person, because DNS_BACKEND is manual.",
        what,
        evidence={
            "name": change.name,
            "type": change.type,
            "values": list(change.values),
            "found": list(found),
        },
    )
