"""Our zone at a provider that has an API of its own, through dns-lexicon, which knows some ninety of them.

Weaker than RFC 2136: nothing there is one act, and no condition is looked at by the server. What is missing
is created before what is old is deleted, so that for a moment there may be two DNSLinks, but never none; and
what came of it is read back. Only texts are sure to come back as they were given, and we write no others.
Providers' modules are loaded by their place inside of the library, whose client would fetch a list of public
suffixes to guess a zone that we know. Most set no time limit: the action's holds.
"""

import importlib
from collections.abc import Callable
from typing import Any, TypeVar

import requests
from lexicon.config import ConfigResolver
from lexicon.exceptions import LexiconError

from app.errors import PermanentError, PlatformError, RetryableError
from app.services.dns.port import Change, Written, checked, conflict, same

Found = TypeVar("Found")
#: What comes of an answer of another form than a provider's module takes it for.
_UNREADABLE = (AttributeError, LookupError, TypeError, ValueError)


class HostedZone:
    """An `OwnZone` at `provider`, as dns-lexicon calls it; `options` are the credentials that it wants."""

    name = "lexicon"

    def __init__(self, zone: str, provider: str, options: dict[str, str]) -> None:
        self.zone = zone
        self._provider = provider
        self._options = options

    def read(self, name: str, kind: str) -> tuple[str, ...]:
        return self._asked(lambda: self._values(self._opened(60), name, kind))

    def replace(self, change: Change) -> Written:
        wanted = tuple(sorted(checked(change, self.zone).values))
        found = self.read(change.name, change.type)
        if same(found, wanted):
            return Written(values=found, changed=False)
        if change.was is not None and not same(found, change.was):
            raise conflict(change, found)
        now = self._asked(lambda: self._changed(change, found))
        if not same(now, wanted):
            raise conflict(change, now)
        return Written(values=now, changed=True)

    def _changed(self, change: Change, found: tuple[str, ...]) -> tuple[str, ...]:
        there = self._opened(change.ttl)
        for value in sorted({*change.values} - {*found}):
            there.create_record(change.type, change.name, value)
        for value in sorted({*found} - {*change.values}):
            there.delete_record(rtype=change.type, name=change.name, content=value)
        return self._values(self._opened(change.ttl), change.name, change.type)

    def _opened(self, ttl: int) -> Any:
        """The provider's client, with the zone looked up."""
        try:
            module = importlib.import_module(f"lexicon._private.providers.{self._provider}")
        except ImportError as error:
            hint = "Set DNS_PROVIDER to a name that `lexicon --help` lists, such as cloudflare or powerdns."
            raise PermanentError("provider_unknown", f"There is no {self._provider} here.", hint) from error
        config = ConfigResolver()  # type: ignore[no-untyped-call]  # it comes without
        about = {"provider_name": self._provider, "domain": self.zone, "ttl": ttl, "action": "list"}
        client = module.Provider(config.with_dict(about | {self._provider: self._options}))
        client.authenticate()
        return client

    @staticmethod
    def _values(there: Any, name: str, kind: str) -> tuple[str, ...]:
        records = there.list_records(kind, name, None)
        mine = [each for each in records if str(each["name"]).rstrip(".").lower() == name]
        return tuple(sorted(_plain(str(each["content"]), kind) for each in mine))

    def _asked(self, ask: Callable[[], Found]) -> Found:
        """What providers raise, as errors of the platform; never with their words, which may hold secrets."""
        try:
            return ask()
        except PlatformError:
            raise
        except requests.HTTPError as error:
            answer = error.response
            raise self._refusal(0 if answer is None else answer.status_code, answer) from None
        except requests.RequestException as error:
            what = f"{self._provider} cannot be reached: {type(error).__name__}."
            raise RetryableError("dns_unreachable", what, "It is tried again. Look at the network.") from None
        except LexiconError:
            raise self._refusal(401, None) from None
        except _UNREADABLE as error:
            what = f"{self._provider} could not change or read {self.zone}: {type(error).__name__}."
            hint = "It is tried again. Look whether the zone is there, and at DNS_PROVIDER_OPTIONS."
            raise RetryableError("update_failed", what, hint) from None

    def _refusal(self, status: int, answer: Any) -> PlatformError:
        evidence: dict[str, Any] = {"provider": self._provider, "zone": self.zone, "http_status": status}
        if status in (401, 403):
            hint = "Put a key that may change the zone into DNS_PROVIDER_OPTIONS."
            return PermanentError(
                "provider_denied", f"{self._provider} does not let us in.", hint, evidence=evidence
            )
        if status in (404, 422):
            what = f"{self._provider} knows no zone {self.zone}, or refuses the record ({status})."
            return PermanentError(
                "update_notauth", what, "Look at DNS_ZONE, and add the zone there.", evidence=evidence
            )
        code = "provider_busy" if status == 429 else "update_failed"
        after = answer.headers.get("retry-after", "") if answer is not None else ""
        evidence |= {"retry_after": int(after)} if after.isdecimal() else {}
        what = f"{self._provider} answered {status}."
        return RetryableError(code, what, "It is tried again, later.", evidence=evidence)


def _plain(content: str, kind: str) -> str:
    """A value as we write it: texts without quotes, names without closing dots."""
    if kind == "TXT":
        return "".join(content.strip('"').split('" "'))
    return content.rstrip(".").lower() if kind == "CNAME" else content
