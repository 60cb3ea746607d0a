"""A zone in the memory of one process, for tests and demonstrations; and one that a person writes."""

from functools import cache

from app.services.dns.port import Change, Written, by_hand, checked, conflict, same
from app.services.dns.resolver import Resolver


class MemoryZone:
    """An `OwnZone`; `records` is everything in it, by name and type."""

    name = "memory"

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self.serial = 1
        self.records: dict[tuple[str, str], tuple[str, ...]] = {}

    def read(self, name: str, kind: str) -> tuple[str, ...]:
        return self.records.get((name, kind), ())

    def replace(self, change: Change) -> Written:
        found = self.read(checked(change, self.zone).name, change.type)
        wanted = tuple(sorted(change.values))
        if same(found, wanted):
            return Written(values=found, changed=False, serial=self.serial)
        if change.was is not None and not same(found, change.was):
            raise conflict(change, found)
        self.records[change.name, change.type] = wanted
        self.serial += 1
        return Written(values=wanted, changed=True, serial=self.serial)


class ManualZone:
    """An `OwnZone` that only reads, and says what has to be entered."""

    name = "manual"

    def __init__(self, zone: str, resolver: Resolver) -> None:
        self.zone = zone
        self._resolver = resolver

    def read(self, name: str, kind: str) -> tuple[str, ...]:
        return self._resolver.ask(name, kind).values

    def replace(self, change: Change) -> Written:
        found = self.read(checked(change, self.zone).name, change.type)
        if not same(found, change.values):
            raise by_hand(change, self.zone, found)
        return Written(values=found, changed=False)


@cache
def shared_zone(zone: str) -> MemoryZone:
    """The zone of this process."""
    return MemoryZone(zone)
