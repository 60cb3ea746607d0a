"""One expected record beside what was seen of it: who has it right, and what the others have instead."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from app.dns.observed import Answer, Observation, Source
from app.dns.records import Expected, asked_types

_LINK = "dnslink="
_MOST_VALUES, _MOST_CHARACTERS = 20, 300  # of what a stranger's zone may put into our log


@dataclass(frozen=True)
class Case:
    """An expected record, and the observation to compare it with."""

    expected: Expected
    seen: Observation

    @cached_property
    def zone(self) -> str:
        """The zone's name; empty where none was found."""
        return self.seen.zone.name

    @cached_property
    def at_apex(self) -> bool:
        """Whether the record stands where its zone begins."""
        return self.expected.name == self.zone

    @cached_property
    def direct(self) -> dict[str, list[Answer]]:
        """The usable answers of the zone's servers, by server."""
        found: dict[str, list[Answer]] = {}
        for answer in self.asked("authoritative"):
            if answer.usable:
                found.setdefault(answer.server, []).append(answer)
        return found

    @cached_property
    def base(self) -> list[Answer]:
        """Answers to judge by: those of the first server that has it wrong, else what the resolver says."""
        wrong = [answers for answers in self.direct.values() if not self.right(answers)]
        return wrong[0] if wrong else [answer for answer in self.asked("resolver") if answer.usable]

    def asked(self, source: Source) -> list[Answer]:
        """All answers of a source to the questions that the record itself poses."""
        return [
            answer
            for kind in asked_types(self.expected)
            for answer in self.seen.said(self.expected.name, kind, source)
        ]

    def right(self, answers: Sequence[Answer]) -> bool:
        """Whether these answers of one server are what is expected.

        Where it only names the next in a row of CNAMEs, the resolver, which has followed them, decides.
        """
        heard = self.asked("resolver")
        if self._right(answers):
            return True
        return bool(names(answers)) and names(answers)[:1] == names(heard)[:1] and self._right(heard)

    def _right(self, answers: Sequence[Answer]) -> bool:
        expected = self.expected
        if expected.purpose == "routing":
            return _leads_to_us(expected, answers)
        values = {value for answer in answers for value in answer.values}
        if expected.purpose == "dnslink" and expected.type == "TXT":
            values = set(links(values))
        if expected.purpose == "ownership":
            return expected.values[0] in values
        return values == set(expected.values)

    def elsewhere(self, name: str, kind: str) -> tuple[str, ...]:
        """What the zone's servers were found to have under another name, or in another type."""
        answers = self.seen.said(name, kind, "authoritative")
        return tuple(dict.fromkeys(value for answer in answers for value in found((answer,))))


def found(answers: Iterable[Answer]) -> tuple[str, ...]:
    """What answers say, for people: where a CNAME leads, else the values."""
    values: dict[str, None] = {}
    for answer in answers:
        values |= dict.fromkeys(answer.chain[:1] or answer.values)
    return tuple(value[:_MOST_CHARACTERS] for value in values)[:_MOST_VALUES]


def links(values: Iterable[str]) -> list[str]:
    """Those of the texts that are DNSLinks."""
    return [value for value in values if value.startswith(_LINK)]


def addresses(answers: Iterable[Answer]) -> set[str]:
    """The addresses that answers end with."""
    return {value for answer in answers if answer.type in ("A", "AAAA") for value in answer.values}


def names(answers: Iterable[Answer]) -> tuple[str, ...]:
    """The names that answers passed through."""
    return tuple(dict.fromkeys(name for answer in answers for name in answer.chain))


def _leads_to_us(expected: Expected, answers: Sequence[Answer]) -> bool:
    passed = names(answers)
    if expected.type == "CNAME" and expected.values[0] in passed:
        return True
    there = addresses(answers)
    return bool(there) and there <= set(expected.addresses)
