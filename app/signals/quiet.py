"""When people are told later: quiet hours, and digests that gather what is told for a while.

What a listener's `notify` says of it is checked when it is saved, and computed with the clocks of its zone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.errors import InvalidInput

#: A digest gathers for so many seconds at least, and at most.
SHORTEST, LONGEST = 60, 7 * 24 * 3600

Reason = Literal["digest", "quiet_hours"]
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one time of every day to another, which may be the next day's, by the clocks of a zone."""

    begin: time
    end: time
    zone: ZoneInfo

    def over(self, moment: datetime) -> datetime:
        """When nobody is disturbed any more: the moment itself, or the end of the quiet hours around it.

        As in RFC 5545 §3.3.5, a time that a clock shows twice is the first one, and one that it leaves out
        is as long after what came before as it would have been.
        """
        today = moment.astimezone(self.zone).date()
        for day in (today - _DAY, today):
            begin = datetime.combine(day, self.begin, self.zone).astimezone(UTC)
            last = day if self.end > self.begin else day + _DAY
            end = datetime.combine(last, self.end, self.zone).astimezone(UTC)
            if begin <= moment < end:
                return end
        return moment


def quiet_hours(said: Mapping[str, Any]) -> QuietHours:
    """Read `{"from": "22:00", "to": "07:00", "tz": "Europe/Berlin"}`.

    InvalidInput `quiet_invalid`, `timezone_unknown`.
    """
    for name in ("from", "to"):
        if not _TIME.fullmatch(said[name]):
            raise _invalid(f"{said[name][:40]} is no time of the day")
    begin, end = time.fromisoformat(said["from"]), time.fromisoformat(said["to"])
    if begin == end:
        raise _invalid("they end when they begin")
    return QuietHours(begin, end, _zone(said["tz"]))


def check_later(how: Mapping[str, Any]) -> None:
    """Whether what a `notify` says of `digest` and `quiet` can be kept.

    InvalidInput `digest_invalid`, `quiet_invalid`, `timezone_unknown`.
    """
    seconds = how.get("digest")
    if seconds is not None and not SHORTEST <= seconds <= LONGEST:
        what = f"A digest cannot gather for {seconds} seconds."
        raise InvalidInput("digest_invalid", what, f"Say {SHORTEST} to {LONGEST} (7 days).")
    if how.get("quiet"):
        quiet_hours(how["quiet"])


def undisturbed(how: Mapping[str, Any], moment: datetime) -> datetime:
    """When somebody may be told who may be told at `moment`, but for the quiet hours of a `notify`."""
    return quiet_hours(how["quiet"]).over(moment) if how.get("quiet") else moment


def zone_of(how: Mapping[str, Any]) -> tzinfo:
    """The zone whose clocks the quiet hours of a `notify` mean; UTC where it has none."""
    return quiet_hours(how["quiet"]).zone if how.get("quiet") else UTC


def held_until(how: Mapping[str, Any], moment: datetime) -> tuple[Reason, datetime] | None:
    """Why a `notify` does not tell at `moment`, and until when; None when it tells at once."""
    gathered = moment + timedelta(seconds=how.get("digest") or 0)
    until = undisturbed(how, gathered)
    if until <= moment:
        return None
    return ("quiet_hours" if undisturbed(how, moment) > moment else "digest"), until


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # of a name that is none, of a path, of a folder
        hint = "Name one of the IANA time zones, such as Europe/Berlin or UTC."
        raise InvalidInput("timezone_unknown", f"There is no time zone {name[:80]}.", hint) from None


def _invalid(why: str) -> InvalidInput:
    hint = "Write both as hours and minutes, such as 22:00 and 07:00."
    return InvalidInput("quiet_invalid", f"These cannot be quiet hours: {why}.", hint)
