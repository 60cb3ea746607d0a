"""Settings about DNS: which spellings are taken, and that a backend is told what it needs."""

import pytest

from config import nameservers
from config.settings import SettingsError, load_settings

KEY = "hmac-sha256:antiphon:c2VjcmV0"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("192.0.2.53", ("192.0.2.53", 53)),
        ("127.0.0.1:5353", ("127.0.0.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
    ],
)
def test_a_name_server_is_an_address_with_or_without_a_port(text, found):
    assert nameservers.split(text) == found
    assert nameservers.servers(f" {text} ,,192.0.2.1") == f"{text},192.0.2.1"


@pytest.mark.parametrize("text", ["resolver.example", "192.0.2.53:0", "192.0.2.53:dns", "1.2.3", "::1]:53"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match=r"address|port"):
        nameservers.servers(text)


def test_mistakes_in_keys_zones_and_backends_are_told_without_the_secret(monkeypatch):
    assert (nameservers.zone("Sites.Example.NET."), nameservers.key(KEY)) == ("sites.example.net", KEY)
    wrong = {
        "DNS_UPDATE_KEY": "hmac-sha256:antiphon:no base64!",
        "DNS_ZONE": "not a zone",
        "GATEWAY_ADDRESSES": "gateway.example",
        "DNS_RESOLVER": "nowhere",
    }
    with pytest.raises(SettingsError) as caught:
        load_settings(**{name.lower(): value for name, value in wrong.items()})
    assert {line.partition(":")[0] for line in str(caught.value).splitlines()} == set(wrong)
    assert "no base64!" not in str(caught.value)


def test_updates_need_a_zone_a_server_and_a_key():
    with pytest.raises(SettingsError, match="DNS_BACKEND: rfc2136 needs DNS_ZONE, DNS_UPDATE_KEY too"):
        load_settings(dns_backend="rfc2136", dns_server="192.0.2.53")
    given = load_settings(
        dns_backend="rfc2136", dns_server="192.0.2.53", dns_zone="d.example", dns_update_key=KEY
    )
    assert (given.dns_backend, KEY in repr(given)) == ("rfc2136", False)
