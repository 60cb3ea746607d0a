"""A certificate authority in memory and a world of records, for tests over months: it issues whatever it is
asked for, and has the troubles that a test gives it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Engine

from app.dns.observed import Answer, Observation, Signing
from app.dns.preflight import PortProbe
from app.dns.records import Expected
from app.engine import now
from app.errors import PlatformError, RetryableError
from app.services.acme.port import Challenge, Method, Window
from tasks import certificates, names, preflight, renewals
from tests.fixtures.api import Api, hello, started
from tests.integration.api.test_domains import HOST, Zones

DAY = timedelta(days=1)


@dataclass
class Authority:
    """Issues for `lifetime` whatever it is asked for, unless it has a `trouble`; counts what it is asked."""

    lifetime: timedelta = 90 * DAY
    trouble: PlatformError | None = None
    window: Window | None = None
    identities: tuple[str, ...] = ("ca.test",)
    orders: list[datetime] = field(default_factory=list)
    finished: set[str] = field(default_factory=set)

    def caa_names(self) -> tuple[str, ...]:
        return self.identities

    def order(self, request: bytes) -> str:
        self.orders.append(now())
        if self.trouble:
            raise self.trouble
        return f"https://ca.test/order/{len(self.orders)}"

    def is_open(self, order: str) -> bool:
        return order not in self.finished

    def challenges(self, order: str, method: Method) -> tuple[Challenge, ...]:
        said = {"key_authorization": "token-1.thumb", "text": "text-1"}
        return (Challenge(name=HOST, token="token-1", **said),)

    def advance(self, order: str, request: bytes, method: Method, *, look: bool = True) -> str | None:
        if self.trouble:
            self.finished.add(order)
            raise self.trouble
        return issued(request, self.lifetime)

    def renewal_window(self, chain: str) -> Window | None:
        if isinstance(self.trouble, RetryableError):
            raise self.trouble
        return self.window


def issued(request: bytes, lifetime: timedelta) -> str:
    asked, key = x509.load_pem_x509_csr(request), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test CA")])
    built = x509.CertificateBuilder(issuer, asked.subject, asked.public_key(), x509.random_serial_number())
    built = built.not_valid_before(now()).not_valid_after(now() + lifetime)
    names = asked.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return built.add_extension(names.value, True).sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


class World(Zones):
    """What is seen of the name, besides its records: by default nothing stands in the way."""

    caa: tuple[str, ...] = ()
    signing = Signing("unsigned")
    probe = PortProbe(address="192.0.2.80", ours=True, status=200)

    def observe(self, host: str, records: list[Expected]) -> Observation:
        seen = super().observe(host, records)
        return replace(seen, zone=replace(seen.zone, signing=self.signing))

    def addresses(self, host: str) -> tuple[str, ...]:
        return ("192.0.2.80",)

    def climb_caa(self, host: str) -> tuple[Answer, ...]:
        return (Answer(name=host, type="CAA", source="resolver", values=self.caa, rcode="NOERROR", ttl=60),)


@pytest.fixture
def engine(sqlite_database: Engine) -> Engine:
    """One database: the folds are held against both elsewhere."""
    return sqlite_database


@pytest.fixture
def api(engine: Engine, configure: Callable[..., None]) -> Api:
    told = {"GATEWAY_URL": "http://sites.example.net", "GATEWAY_ADDRESSES": "192.0.2.80"}
    return hello(started(configure, ACME_DIRECTORY="https://ca.test/dir", **told))


@pytest.fixture
def zones(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    for module in (names, preflight):
        monkeypatch.setattr(module, "observer", lambda: world)
    prober = type("Prober", (), {"probe": lambda *_: (world.probe,)})()
    monkeypatch.setattr(preflight, "port_prober", lambda: prober)
    return world


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch) -> Authority:
    made = Authority()
    for module in (certificates, preflight, renewals):
        monkeypatch.setattr(module, "open_authority", lambda: made)
    return made
