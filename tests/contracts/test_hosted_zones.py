"""A zone at a provider, through dns-lexicon: what it does as the other backends do, and each way it fails.

The provider is PowerDNS's API as lexicon speaks it, over real HTTP on loopback, but a forged one: it keeps
its zone in memory, checks the key and the zone, and has no DNS behind it, no secondaries and no SOA. What
PowerDNS's module of lexicon cannot bring back is not tried: texts with quotes at an end, longer than 255
bytes or empty, and CNAMEs that lead out of the zone.
"""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

import pytest

from app.errors import InvalidInput, PermanentError, PlatformError, RetryableError
from app.services.dns import own_zone
from app.services.dns.hosted import HostedZone
from app.services.dns.port import Change
from config.settings import SettingsError, load_settings
from tests.fixtures.databases import forget_settings
from tests.fixtures.nameservers import free_port

pytestmark = pytest.mark.enable_socket
TOKEN, ZONE = "only-we-know-it", "sites.test"
NAME = f"_dnslink.d1.{ZONE}"


class Provider(BaseHTTPRequestHandler):
    """PowerDNS's `/api/v1/servers/localhost/zones/<zone>.`; the server holds `rrsets`, `status`, `said`."""

    server: Any

    def do_GET(self) -> None:
        if not self._refused():
            sets = [{"name": n, "type": t, **rest} for (n, t), rest in self.server.rrsets.items()]
            self._answer(200, {"kind": "Native", "rrsets": sets})

    def do_PATCH(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self._refused():
            return
        for each in asked["rrsets"]:
            self.server.said.append((each["changetype"], [record["content"] for record in each["records"]]))
            self.server.rrsets.pop((each["name"], each["type"]), None)
            if each["changetype"] == "REPLACE" and each["records"] and not self.server.forgets:
                kept = {"ttl": each["ttl"], "records": each["records"]}
                self.server.rrsets[each["name"], each["type"]] = kept
        self._answer(204, None)

    def _refused(self) -> bool:
        status = self.server.status
        if self.headers["x-api-key"] != TOKEN:
            status = 401
        elif f"/zones/{ZONE}." not in self.path:
            status = 404
        if status:
            self._answer(status, {"error": f"No, {self.headers['x-api-key']}."})
        return bool(status)

    def _answer(self, status: int, body: Any) -> None:
        text = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.send_header("retry-after", "17")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def provider() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    server.rrsets, server.said, server.status, server.forgets = {}, [], 0, False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def hosted(port: int, zone: str = ZONE, token: str = TOKEN, name: str = "powerdns") -> HostedZone:
    return HostedZone(zone, name, {"auth_token": token, "pdns_server": f"http://127.0.0.1:{port}"})


def link(*values: str, was: tuple[str, ...] | None = None, name: str = NAME) -> Change:
    return Change(name=name, type="TXT", values=tuple(f"dnslink=/ipfs/{each}" for each in values), was=was)


def refused(zone: HostedZone, change: Change, code: str) -> PlatformError:
    with pytest.raises(PlatformError) as caught:
        zone.replace(change)
    assert caught.value.code == code, caught.value
    assert caught.value.hint
    assert caught.value.__cause__ is None or TOKEN not in repr(caught.value.__cause__)
    assert TOKEN not in repr(caught.value) + repr(caught.value.evidence)
    return caught.value


def test_a_change_is_read_back_and_the_next_takes_its_place_without_a_moment_of_nothing(provider):
    zone = hosted(provider.server_port)
    first = link("a", was=())
    written = zone.replace(first)
    assert (written.values, written.changed, zone.read(NAME, "TXT")) == (first.values, True, first.values)
    assert not zone.replace(first).changed
    assert zone.replace(link("b", was=first.values)).values == ("dnslink=/ipfs/b",)
    assert all(contents for _, contents in provider.said)
    assert provider.rrsets[f"{NAME}.", "TXT"]["ttl"] == 60
    other = link("c", name=f"_dnslink.d2.{ZONE}")
    zone.replace(other)
    assert zone.replace(link()).values == ()
    assert zone.read(other.name, "TXT") == other.values


def test_what_somebody_else_wrote_is_left_alone_and_what_is_not_ours_refused(provider):
    zone = hosted(provider.server_port)
    zone.replace(link("a"))
    before = list(provider.said)
    assert isinstance(refused(zone, link("c", was=("dnslink=/ipfs/x",)), "update_conflict"), RetryableError)
    assert isinstance(refused(zone, link("a", name="_dnslink.example.test"), "not_in_zone"), InvalidInput)
    assert provider.said == before
    provider.forgets = True  # it says yes, and does nothing
    refused(zone, link("b"), "update_conflict")


@pytest.mark.parametrize(
    ("given", "status", "code", "kind"),
    [
        ({"token": "another"}, 0, "provider_denied", PermanentError),
        ({"zone": "nowhere.test"}, 0, "update_notauth", PermanentError),
        ({"name": "nobody"}, 0, "provider_unknown", PermanentError),
        ({}, 429, "provider_busy", RetryableError),
        ({}, 503, "update_failed", RetryableError),
    ],
)
def test_a_provider_that_will_not_or_cannot_says_why_and_never_the_key(provider, given, status, code, kind):
    provider.status = status
    zone = hosted(provider.server_port, **given)
    error = refused(zone, link("a", name=f"_dnslink.d1.{zone.zone}"), code)
    assert type(error) is kind
    if status == 429:
        assert error.evidence["retry_after"] == 17


def test_a_provider_that_is_gone_is_asked_again():
    assert isinstance(refused(hosted(free_port()), link("a"), "dns_unreachable"), RetryableError)


def test_the_settings_name_the_provider_and_keep_its_key(monkeypatch):
    options = urlencode({"auth_token": TOKEN, "pdns_server": "http://127.0.0.1:1"})
    given = {"DNS_ZONE": ZONE, "DNS_PROVIDER": "powerdns", "DNS_BACKEND": "lexicon"}
    with pytest.raises(SettingsError, match="lexicon needs DNS_PROVIDER, DNS_PROVIDER_OPTIONS too"):
        load_settings(dns_backend="lexicon", dns_zone=ZONE)
    with pytest.raises(SettingsError) as caught:
        load_settings(dns_provider_options=f"auth_token={TOKEN}&auth_token=b")
    assert TOKEN not in str(caught.value)
    for name, value in (given | {"DNS_PROVIDER_OPTIONS": options}).items():
        monkeypatch.setenv(name, value)
    try:
        forget_settings()
        zone = own_zone()
        assert (type(zone), zone.name, zone.zone) == (HostedZone, "lexicon", ZONE)
        assert TOKEN not in repr(load_settings())
    finally:
        monkeypatch.undo()
        forget_settings()
