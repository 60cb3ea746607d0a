"""Every spelling of an address ends in the same check, and only what is public passes it."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from app.errors import InvalidInput
from app.services.outbound.guarded import GuardedOutbound
from app.services.outbound.networks import why_not_public
from app.services.outbound.targets import parsed

PUBLIC = ["93.184.216.34", "1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "2a00:1450:4001:82a::200e"]


def listed(text: str) -> list[str]:
    return text.split()


# One address of each network that leads inside or nowhere.
INSIDE = listed("""
    0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 168.63.129.16
    169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.192 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1
    198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:a00:1 64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1 100::1 2001::1
    2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:808:808:: 3fff::1 4000::1 5f00::1 fc00::1
    fd00:ec2::254 fe80::1 febf::1 fec0::1 feff::1 ff02::1 ff0e::1
""")
LOOPBACK = listed("""
    127.0.0.1 127.0.0.1. 2130706433 0x7f000001 0x7F.0.0.1 017700000001 0177.1 127.1 127.0.1 0x7f.0x1
    127。0。0。1 127.0.0.1:443 [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:7f00:0001]
""")
NO_URLS = listed("""
    ftp://example.org file:///etc/passwd gopher://127.0.0.1:6379/_x javascript:alert(1) //example.org
    example.org https:/example.org https:// https:///path https://user@example.org https://u:p@127.0.0.1
    https://example.org@127.0.0.1 https://example.org\\@127.0.0.1 https://127.0.0.1\\.example.org
    https://example.org:0 https://example.org:65536 https://example.org:-1 https://example.org:http
    https://[fe80::1%25eth0] https://[fe80::1%eth0] https://[::1 https://[::1]x https://::1/ https://[127.0.0.1]
    https://0177.0.0.1 https://256.1.1.1 https://1.2.3.4.5 https://4294967296 https://0x1ffffffff
    https://127.0.0.1.. https://example..org https://.example.org https://%31%32%37.0.0.1 https://exam%00ple.org
    https://\uff11\uff12\uff17.\uff10.\uff10.\uff11 https://ⓛocalhost https://exa\u200bmple.org https://-a.org
    https://a-.org https://exam*ple.org https://\ud800.org https://example.org/\ud800
""")
NO_URLS += [
    "",
    " ",
    "https://a b.org",
    "https://example.org\n",
    "\thttps://example.org",
    "https://ex\tample.org/",
]
NO_URLS += [f"https://{'a' * 64}.org", f"https://{'a.' * 130}org", f"https://example.org/{'a' * 2048}"]


@pytest.fixture(autouse=True)
def deaf_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks a resolver gets no answer: what is refused here is refused without one."""

    def unknown(*_: object, **__: object) -> Any:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)


def refusal(url: str, allowed: str = "") -> str:
    with pytest.raises(InvalidInput) as caught:
        GuardedOutbound(allowed).check_url(url)
    assert caught.value.message
    assert caught.value.hint
    return caught.value.code


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_that_leads_inside_is_refused(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    assert refusal(f"https://{host}/") == "ssrf_blocked"


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_passes(address: str) -> None:
    assert why_not_public(ip_address(address)) is None
    GuardedOutbound().check_url(f"https://{f'[{address}]' if ':' in address else address}:8443/x")


@pytest.mark.parametrize("host", LOOPBACK)
def test_every_spelling_of_loopback_is_loopback(host: str) -> None:
    assert parsed(f"https://{host}/").literal == IPv4Address("127.0.0.1")
    assert refusal(f"https://{host}/") == "ssrf_blocked"
    GuardedOutbound("127.0.0.0/8").check_url(f"http://{host}/")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "a.localhost", "[::1]", "0", "0x0", "[::]"])
def test_this_machine_is_known_without_a_resolver(host: str) -> None:
    assert refusal(f"https://{host}/") == "ssrf_blocked"


@pytest.mark.parametrize("url", NO_URLS)
def test_what_is_not_plainly_a_url_is_refused(url: str) -> None:
    assert refusal(url, "0.0.0.0/0,::/0") == "url_invalid"


def test_a_name_that_is_unknown_today_passes_and_is_brought_into_one_form() -> None:
    GuardedOutbound().check_url("https://hooks.example.org/")
    target = parsed("HTTPS://Straße.Example.ORG.:8443/ä?b=ö#c")
    assert (target.host, target.port) == ("xn--strae-oqa.example.org", 8443)
    assert (target.path, target.authority) == (b"/%C3%A4?b=%C3%B6", "xn--strae-oqa.example.org:8443")
    assert parsed("https://[2606:4700:0::1]").authority == "[2606:4700::1]"


@pytest.mark.parametrize("found", ["10.0.0.1", "93.184.216.34 ::1", "::ffff:10.0.0.1", "fe80::1%1"])
def test_a_name_that_leads_inside_today_is_refused(monkeypatch: pytest.MonkeyPatch, found: str) -> None:
    entries = [(0, 0, 0, "", (address, 443)) for address in found.split()]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: entries)
    assert refusal("https://hooks.example.org/") == "ssrf_blocked"


def test_plain_http_is_for_allowed_networks_alone() -> None:
    assert refusal("http://hooks.example.org/") == "url_not_https"
    assert refusal("http://93.184.216.34/", "10.0.0.0/8") == "url_not_https"
    assert refusal("http://[2606:4700::1]/", "10.0.0.0/8") == "url_not_https"
    client = GuardedOutbound("10.0.0.0/8,fd00::/8")
    client.check_url("http://hooks.example.org/")  # it may turn out to be inside
    client.check_url("http://10.1.2.3:8080/")
    client.check_url("http://[fd00::1]/")
    assert refusal("http://192.168.0.1/", "10.0.0.0/8,fd00::/8") == "ssrf_blocked"


def test_a_refusal_names_host_and_network_and_never_the_path() -> None:
    with pytest.raises(InvalidInput) as caught:
        GuardedOutbound().check_url("https://10.0.0.7/services/s3cret")
    text = f"{caught.value} {dict(caught.value.evidence)}"
    assert "10.0.0.7" in text
    assert "private" in text
    assert "WEBHOOK_ALLOW_NETWORKS" in text
    with pytest.raises(InvalidInput) as caught:
        parsed("https://user:s3cret@example.org/s3cret")
    text += str(caught.value)
    assert "s3cret" not in text


@given(some.integers(0, 2**32 - 1).map(IPv4Address) | some.integers(0, 2**128 - 1).map(IPv6Address))
def test_what_python_does_not_call_global_is_not_public(address: IPv4Address | IPv6Address) -> None:
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert why_not_public(address) is not None


@given(some.data())
def test_whatever_holds_an_ipv4_address_is_not_public(data: some.DataObject) -> None:
    network = ip_network(data.draw(some.sampled_from(["64:ff9b::/96", "2002::/16", "::/96", "2001::/32"])))
    inside = data.draw(some.integers(0, network.num_addresses - 1))
    assert why_not_public(network[inside]) is not None
