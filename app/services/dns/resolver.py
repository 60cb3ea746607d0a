"""The resolver that is asked as everybody's would be: DNS_RESOLVER, else the one of this machine."""

from collections.abc import Sequence

import dns.message
import dns.resolver

from app.dns.observed import Answer, Source
from app.errors import RetryableError
from app.services.dns.asking import TROUBLES, Question, Server, ask, exchange


class Resolver:
    """One or more recursive resolvers; the next is asked when one does not answer.

    One that is silent about everything is asked no more by this object, which is made for a short look.
    """

    def __init__(self, servers: Sequence[Server], seconds: float) -> None:
        self._servers = servers
        self._seconds = seconds
        self._dead: set[Server] = set()

    def ask(self, name: str, kind: str, *, checking: bool = True) -> Answer:
        """What it says, following CNAMEs; without `checking` also what DNSSEC refuses."""
        question = Question(name, kind, recursive=True, checking=checking)
        source: Source = "resolver" if checking else "unchecked"
        answer = Answer(name=name, type=kind, source=source, trouble="timeout")
        for server in self._living():
            answer = ask(server, question, source, self._seconds)
            if not answer.trouble:
                return answer
            self._listen(server)
        return answer

    def message(self, name: str, kind: str) -> dns.message.Message | None:
        """Its whole message, DNSSEC or not; None when none came."""
        question = Question(name, kind, recursive=True, checking=False, signatures=True)
        for server in self._living():
            try:
                return exchange(server, question, self._seconds)
            except TROUBLES:
                self._listen(server)
        return None

    def _living(self) -> list[Server]:
        return [server for server in self._servers if server not in self._dead]

    def _listen(self, server: Server) -> None:
        """Whether it says anything at all, or was silent about one zone, whose servers may be at fault."""
        if ask(server, Question(".", "NS", recursive=True), "resolver", self._seconds).trouble:
            self._dead.add(server)

    def addresses(self, host: str) -> tuple[str, ...]:
        """The addresses of a host, of both kinds."""
        answers = (self.ask(host, kind, checking=False) for kind in ("A", "AAAA"))
        return tuple(value for answer in answers for value in answer.values)


def system_servers() -> tuple[Server, ...]:
    """The resolvers of this machine. RetryableError `dns_error` where it names none."""
    try:
        resolver = dns.resolver.Resolver()
    except dns.resolver.NoResolverConfiguration as error:
        raise RetryableError(
            "dns_error",
            "This machine names no resolver in /etc/resolv.conf.",
            "Write one there, or set DNS_RESOLVER to the address of one, such as 192.0.2.53:53.",
        ) from error
    return tuple(Server(str(server), resolver.port) for server in resolver.nameservers)
