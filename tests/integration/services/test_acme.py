"""Certificates from a real authority (pebble), which looks at real zones and sockets; refusals as codes."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store

from app.errors import PermanentError, PlatformError, RetryableError
from app.services.acme.account import AccountFile
from app.services.acme.client import AcmeAuthority
from app.services.acme.port import Method
from app.services.acme.renewal import seconds_of
from app.services.certs.chain import new_key, request_for
from app.services.certs.folder import CertFolder
from tests.fixtures.nameservers import NameServers, free_port
from tests.fixtures.pebbles import Pebble, Served, StubAuthority, Tls

pytestmark = pytest.mark.enable_socket
_numbers = count(1)
#: What is shown by HTTP-01, by token.
SHOWN: dict[str, str] = {}


def gateway(environ, start_response):
    said = SHOWN.get(environ["PATH_INFO"].rpartition("/")[2])
    start_response("200 OK" if said else "404 Not Found", [("Content-Type", "text/plain")])
    return [(said or "").encode()]


@pytest.fixture
def served(pebble: Pebble) -> Iterator[None]:
    site = Served(gateway, pebble.http_port)
    yield
    site.close()


def at(directory: str, ca: Path, home: Path) -> AcmeAuthority:
    return AcmeAuthority(directory, AccountFile(home / "acme", directory), "me@example.com", str(ca))


def until(look: Callable[[], str | None]) -> str:
    for _ in range(2000):
        if found := look():
            return found
    raise AssertionError("nothing was issued")


def verified(host: str, folder: Path, root: str) -> x509.Certificate:
    """As a browser that trusts pebble's root would; the key is the certificate's."""
    leaf, *others = x509.load_pem_x509_certificates((folder / "fullchain.pem").read_bytes())
    roots = Store(x509.load_pem_x509_certificates(root.encode()))
    policy = PolicyBuilder().store(roots).time(datetime.now(UTC)).build_server_verifier(x509.DNSName(host))
    assert policy.verify(leaf, others)
    key = load_pem_private_key((folder / "privkey.pem").read_bytes(), None)
    assert key.public_key() == leaf.public_key()
    for name in ("privkey.pem", "fullchain.pem"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600
    return leaf


def show(servers: NameServers, host: str, method: Method, authority: AcmeAuthority, order: str) -> None:
    for each in authority.challenges(order, method):
        SHOWN[each.token] = each.key_authorization
        if method == "dns-01":
            servers.enter(f"_acme-challenge.{each.name}", "TXT", f'"{each.text}"', zone="people.test", ttl=0)


@pytest.mark.parametrize("method", ["http-01", "dns-01"])
def test_a_certificate_is_issued_and_every_process_may_have_been_another(
    pebble: Pebble, name_servers: NameServers, served: None, tmp_path: Path, method: Method
) -> None:
    host, certs = f"acme{next(_numbers)}.people.test", CertFolder(tmp_path / "certs")
    name_servers.enter(host, "A", "127.0.0.1", ttl=0)

    def anew() -> AcmeAuthority:
        return at(pebble.directory, pebble.ca, tmp_path)

    order = anew().order(certs.request(host))
    show(name_servers, host, method, anew(), order)
    chain = until(lambda: anew().advance(order, certs.request(host), method))
    found = certs.keep(host, chain)
    assert (found.names, found.issuer.split()[0]) == ((host,), "Pebble")
    certs.install(host, found.serial)
    leaf = verified(host, certs.at(host), pebble.ask("roots/0"))
    assert f"{leaf.serial_number:x}" == found.serial
    assert anew().is_open(order)
    assert anew().challenges(order, method) == ()
    assert anew().renewal_window(chain) is None  # pebble says nothing of it
    assert len(list((tmp_path / "acme").iterdir())) == 2  # one account, whoever asked
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "acme").iterdir()} == {0o600}


def test_a_wildcard_is_issued_by_dns_01(pebble: Pebble, name_servers: NameServers, tmp_path: Path) -> None:
    zone, key = f"wild{next(_numbers)}.people.test", new_key()
    request, authority = request_for([f"*.{zone}"], key), at(pebble.directory, pebble.ca, tmp_path)
    order = authority.order(request)
    show(name_servers, zone, "dns-01", authority, order)
    chain = until(lambda: authority.advance(order, request, "dns-01"))
    assert x509.load_pem_x509_certificate(chain.encode()).subject is not None
    with pytest.raises(PermanentError, match="offers no http-01"):
        authority.challenges(authority.order(request_for([f"*.x{zone}"], key)), "http-01")


@pytest.mark.parametrize("trouble", ["nothing shown", "nobody listens", "no such name", "no such text"])
def test_what_the_authority_did_not_see_is_told_by_a_code(
    pebble: Pebble, name_servers: NameServers, tmp_path: Path, trouble: str
) -> None:
    host, authority = f"bad{next(_numbers)}.people.test", at(pebble.directory, pebble.ca, tmp_path)
    if trouble != "no such name":
        name_servers.enter(host, "A", "127.0.0.1", ttl=0)
    method: Method = "dns-01" if trouble == "no such text" else "http-01"
    site = Served(gateway, pebble.http_port) if trouble == "nothing shown" else None
    request = request_for([host], new_key())
    order = authority.order(request)
    with pytest.raises(PlatformError) as caught:
        until(lambda: authority.advance(order, request, method))
    if site:
        site.close()
    codes = {"nobody listens": "acme_connection", "no such name": "acme_connection"}
    assert caught.value.code == codes.get(trouble, "acme_unauthorized"), caught.value
    assert caught.value.hint
    assert not authority.is_open(order)
    assert not authority.is_open(f"{order}-unknown")


def test_nonces_that_go_stale_and_an_account_that_was_forgotten_end_nothing(
    acme_tls: Tls, tmp_path: Path, name_servers: NameServers, pebble: Pebble
) -> None:
    folder = acme_tls.ca.parent
    picky = Pebble(folder, acme_tls, name_servers.resolver, PEBBLE_WFE_NONCEREJECT="40")
    try:
        account = AccountFile(tmp_path, "one")
        account.note(f"{picky.directory.removesuffix('dir')}my-account/1a2b3c")
        authority = AcmeAuthority(picky.directory, account, "", str(picky.ca))
        for _ in range(3):
            assert authority.is_open(authority.order(request_for(["nonce.people.test"], new_key())))
    finally:
        picky.stop()


@pytest.mark.parametrize(
    ("path", "kind", "code"),
    [
        ("/newOrder", "rateLimited", "acme_rate_limited"),
        ("/newOrder", "rejectedIdentifier", "acme_rejected_identifier"),
        ("/newOrder", "caa", "caa_forbids"),
        ("/newOrder", "badNonce", "acme_bad_nonce"),
        ("/newOrder", "serverInternal", "acme_internal"),
        ("/newOrder", "somethingNew", "acme_refused"),
        ("/newAccount", "externalAccountRequired", "acme_account"),
    ],
)
def test_each_refusal_has_a_code_a_hint_and_the_time_that_was_asked_for(
    stub_authority: StubAuthority, tmp_path: Path, path: str, kind: str, code: str
) -> None:
    stub_authority.refuses(path, kind, 429, Retry_After="3600")
    authority = at(stub_authority.directory, stub_authority.ca, tmp_path)
    with pytest.raises(PlatformError) as caught:
        authority.order(request_for(["a.example.com"], new_key()))
    assert (caught.value.code, caught.value.evidence["retry_after"]) == (code, 3600)
    assert isinstance(caught.value, RetryableError) == (code in ("acme_bad_nonce", "acme_internal"))
    assert caught.value.hint
    assert caught.value.evidence["problem"]["type"].endswith(kind)


@pytest.mark.parametrize("trouble", ["down", "untrusted", "another"])
def test_an_authority_that_cannot_be_asked_is_told_apart(
    stub_authority: StubAuthority, tmp_path: Path, trouble: str
) -> None:
    directory, ca = stub_authority.directory, stub_authority.ca
    directory = f"https://localhost:{free_port()}/dir" if trouble == "down" else directory
    if trouble == "another":
        stub_authority.answers["/dir"] = (200, {"hello": "world"}, {})
    if trouble == "untrusted":
        ca = Tls(tmp_path).ca
    with pytest.raises(RetryableError) as caught:
        at(directory, ca, tmp_path).order(request_for(["a.example.com"], new_key()))
    assert caught.value.code == "acme_unreachable"
    words = {"down": "does not answer", "untrusted": "not trusted", "another": "does not speak ACME"}
    assert words[trouble] in caught.value.message


def test_the_window_of_renewal_is_read_and_nonsense_in_its_place_is_an_error(
    stub_authority: StubAuthority, tmp_path: Path, acme_tls: Tls
) -> None:
    authority = at(stub_authority.directory, stub_authority.ca, tmp_path)
    chain = EXAMPLE
    window = {"start": "2026-12-01T04:00:00Z", "end": "2026-12-03T04:00:00Z"}
    stub_authority.answers["/renewalInfo/"] = (200, {"suggestedWindow": window}, {"Retry-After": "21600"})
    found = authority.renewal_window(chain)
    assert found
    assert (found.start, found.check_s) == (datetime(2026, 12, 1, 4, tzinfo=UTC), 21600)
    assert stub_authority.asked[-1] == "/renewalInfo/aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"
    stub_authority.answers["/renewalInfo/"] = (200, {"suggestedWindow": {**window, "end": "soon"}}, {})
    with pytest.raises(RetryableError):
        authority.renewal_window(chain)


def test_the_names_for_caa_are_those_of_the_directory_and_an_order_of_another_authority_is_none_of_ours(
    stub_authority: StubAuthority, tmp_path: Path
) -> None:
    authority = at(stub_authority.directory, stub_authority.ca, tmp_path)
    assert not authority.is_open("https://other.test/order/1")
    assert authority.caa_names() == ()
    status, directory, headers = stub_authority.answers["/dir"]
    told = {**directory, "meta": {"caaIdentities": ["ca.test"]}}
    stub_authority.answers["/dir"] = (status, told, headers)
    assert at(stub_authority.directory, stub_authority.ca, tmp_path).caa_names() == ("ca.test",)


def test_the_library_is_not_loaded_before_an_authority_is_asked() -> None:
    program = "import sys, tasks.certificates, tasks.preflight, tasks.renewals; print('acme' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_time_to_wait_is_read_in_both_its_forms():
    assert (seconds_of("120"), seconds_of(None), seconds_of("soon")) == (120, None, None)
    assert seconds_of("Fri, 01 Jan 2100 00:00:00 GMT") > 1e9


#: RFC 9773, appendix A: its name there is aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE.
EXAMPLE = """-----BEGIN CERTIFICATE-----
MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS
BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
-----END CERTIFICATE-----
"""
