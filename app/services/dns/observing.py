"""Looks at a host name from both sides: what its zone's own servers say, and what a resolver makes of it.

Each server that is silent costs its time limit once in an observation, and is not asked again. Only questions
about the name itself go out, whatever addresses its zone names for its servers.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

import dns.flags
import dns.rcode
import dns.rdatatype

from app.dns.cases import Case
from app.dns.observed import Answer, NameServer, Observation, ServerState, Signing, Zone
from app.dns.records import Expected, asked_types, places_to_look
from app.services.dns.asking import TROUBLES, Question, Server, ask, exchange, trouble_of
from app.services.dns.delegation import Delegations, upwards
from app.services.dns.resolver import Resolver
from app.services.dns.signing import signing_of

_AT_ONCE = 8

Thing = TypeVar("Thing")
Found = TypeVar("Found")


class Observer:
    """Asks name servers, all of which listen on `port`, and the resolver; `seconds` is for each try."""

    def __init__(self, resolver: Resolver, port: int = 53, seconds: float = 2.0) -> None:
        self._resolver = resolver
        self._seconds = seconds
        self._delegations = Delegations(resolver, port, seconds)

    def apex(self, host: str) -> bool:
        """Whether a zone begins at the name, so that no CNAME may stand there."""
        return self._delegations.cut(host).zone == host

    def addresses(self, host: str) -> tuple[str, ...]:
        """The addresses of a name, as a resolver knows them."""
        return self._resolver.addresses(host)

    def observe(self, host: str, records: Sequence[Expected]) -> Observation:
        """All that is needed for a verdict on each of the records, and on the zone; never raises."""
        zone, servers = self._zone(host)
        asked = list(dict.fromkeys((r.name, kind) for r in records for kind in asked_types(r)))
        answers = [*self._direct(servers, asked), *self._heard(asked)]
        seen = Observation(host, zone, tuple(answers))
        wrong = [record for record in records if not _right_at_source(Case(record, seen))]
        places = list(dict.fromkeys(p for r in wrong for p in places_to_look(r, host, zone.name)))
        return replace(seen, answers=(*answers, *self._direct(servers[:1], sorted(set(places) - set(asked)))))

    def climb_caa(self, host: str) -> tuple[Answer, ...]:
        """The CAA records of the name and of those above it, up to the first that has some (RFC 8659 §3)."""
        found: list[Answer] = []
        for name in upwards(host):
            found.append(self._resolver.ask(name, "CAA"))
            if found[-1].values or not found[-1].usable:
                break
        return tuple(found)

    def _zone(self, host: str) -> tuple[Zone, list[Server]]:
        """The zone as it is delegated, and those of its servers that answer for it."""
        delegation, cut = self._delegations.of(host)
        if not cut.exists and "." not in delegation.zone:
            return Zone(delegation.zone, registered=cut.troubled), []
        named = self._delegations.servers(delegation)
        states = _at_once(lambda pair: self._state(delegation.zone, pair[1]), named)
        seen = tuple(
            NameServer(host, server.address if server else "", state)
            for (host, server), state in zip(named, states, strict=True)
        )
        up = [server for (_, server), state in zip(named, states, strict=True) if server and state == "ok"]
        signing = signing_of(delegation.zone, up, self._resolver, self._seconds) if up else Signing()
        return Zone(delegation.zone, seen, signing), up

    def _state(self, zone: str, server: Server | None) -> ServerState:
        """How a server answers for its zone: with its SOA, and as one who knows (the AA bit)."""
        if server is None:
            return "no_address"
        try:
            message = exchange(server, Question(zone, "SOA"), self._seconds)
        except TROUBLES as error:
            return "mute" if trouble_of(error) == "timeout" else "unreachable"
        if message.rcode() == dns.rcode.REFUSED:
            return "refused"
        if message.rcode() != dns.rcode.NOERROR:
            return "servfail"
        knows = message.flags & dns.flags.AA and any(r.rdtype == dns.rdatatype.SOA for r in message.answer)
        return "ok" if knows else "lame"

    def _direct(self, servers: Iterable[Server], asked: Sequence[tuple[str, str]]) -> list[Answer]:
        """Every question to every server: the servers at once, the questions one after the other."""

        def all_of(server: Server) -> list[Answer]:
            return _until_silent(
                lambda pair: ask(server, Question(*pair), "authoritative", self._seconds), asked
            )

        return [answer for answers in _at_once(all_of, list(servers)) for answer in answers]

    def _heard(self, asked: Sequence[tuple[str, str]]) -> list[Answer]:
        """What the resolver says; where it fails, also what it has without DNSSEC."""
        heard = _until_silent(lambda pair: self._resolver.ask(*pair), asked)
        failed = [answer for answer in heard if answer.rcode == "SERVFAIL"]
        return heard + _until_silent(
            lambda answer: self._resolver.ask(answer.name, answer.type, checking=False), failed
        )


def _right_at_source(case: Case) -> bool:
    return bool(case.direct) and all(case.right(answers) for answers in case.direct.values())


def _until_silent(ask_one: Callable[[Thing], Answer], things: Iterable[Thing]) -> list[Answer]:
    """The answers up to the first that did not come; one that cannot be read is no silence."""
    answers: list[Answer] = []
    for thing in things:
        answers.append(ask_one(thing))
        if answers[-1].trouble in ("timeout", "unreachable"):
            break
    return answers


def _at_once(look: Callable[[Thing], Found], things: Sequence[Thing]) -> list[Found]:
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return list(threads.map(look, things))
