"""What a person does in the form of their DNS provider: sentences that name its fields and what goes in."""

from app.dns.names import as_typed, is_below
from app.dns.records import Expected, record_types


def entry(expected: Expected, zone: str) -> str:
    """How the record is entered. The name is given as forms want it that append the zone, and in full."""
    zone = zone if zone and is_below(expected.name, zone) else ""
    typed = as_typed(expected.name, zone) if zone else expected.name
    lines = [
        f"type {kind}, name “{typed}”, value {' and '.join(f'“{value}”' for value in values)}"
        for kind, values in record_types(expected).items()
    ]
    full = f" If your form wants whole names, the name is {expected.name}." if zone else ""
    return f"Enter {'; and '.join(lines)}.{full}"


def at_provider(zone: str) -> str:
    """Where that is done."""
    return f"In the DNS settings of {zone}" if zone else "Where the DNS of the name is kept"


def removal(kind: str, name: str, values: tuple[str, ...]) -> str:
    """Which record to delete."""
    shown = ", ".join(f"“{value[:200]}”" for value in values[:5])
    return f"Delete the {kind} record of {name}{f' with {shown}' if shown else ''}."


def appended(expected: Expected, zone: str) -> str:
    """What to do where the form has appended the zone to a name that ended in it already."""
    typed = as_typed(expected.name, zone)
    return f"Your form appends “.{zone}” itself. Change the record's name to “{typed}”."


def apex(expected: Expected, zone: str) -> str:
    """What takes the place of a CNAME where a zone begins."""
    addresses = expected.addresses or expected.values
    plain = ", ".join(addresses) or "the gateway's addresses"
    return (
        f"{zone} is where the zone begins, and no CNAME may stand there. Delete it, and enter A (or AAAA) "
        f"records, name “@”, value {plain}; or take ALIAS or ANAME, where your provider has it."
    )


def seconds(wait: int | None) -> str:
    """A time for people."""
    if wait is None:
        return "some minutes"
    return f"{wait} seconds" if wait < 120 else f"{-(-wait // 60)} minutes"
