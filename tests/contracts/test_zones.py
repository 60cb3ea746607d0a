"""What every backend of our own zone does alike; below, what only a server has to: keys, clocks, refusals."""

from itertools import count

import dns.rcode
import pytest
import time_machine

from app.errors import InvalidInput, PermanentError, PlatformError, RetryableError
from app.services.dns import own_zone
from app.services.dns.asking import Server
from app.services.dns.memory import ManualZone, MemoryZone
from app.services.dns.port import Change, OwnZone
from app.services.dns.refusals import refusal
from app.services.dns.resolver import Resolver
from app.services.dns.rfc2136 import UpdatedZone, update_message
from tests.fixtures.databases import forget_settings
from tests.fixtures.nameservers import KEY, MUTE, READER, SECRET, NameServers, free_port

_numbers = count(1)
ROUND_TRIPS = pytest.mark.enable_socket  # to servers of our own, on loopback


@pytest.fixture(params=["memory", pytest.param("rfc2136", marks=ROUND_TRIPS)])
def zone(request: pytest.FixtureRequest) -> OwnZone:
    if request.param == "memory":
        return MemoryZone("sites.test")
    return updated(request.getfixturevalue("name_servers"))


def updated(servers: NameServers, key: str = KEY, zone: str = "sites.test", at: str = "127.0.0.1") -> OwnZone:
    return UpdatedZone(zone, Server(at, servers.port), key, 0.3 if at == MUTE else 5)


def link(*values: str, was: tuple[str, ...] | None = None, name: str = "") -> Change:
    name = name or f"_dnslink.d{next(_numbers)}.sites.test"
    return Change(name=name, type="TXT", values=tuple(f"dnslink=/ipfs/{value}" for value in values), was=was)


def refused(zone: OwnZone, change: Change, code: str) -> PlatformError:
    with pytest.raises(PlatformError) as caught:
        zone.replace(change)
    assert caught.value.code == code, caught.value
    assert caught.value.hint
    assert SECRET not in repr(caught.value)
    return caught.value


def test_a_change_is_read_back_and_the_next_takes_its_place(zone):
    first = link("a", was=())
    written = zone.replace(first)
    assert (written.values, written.changed) == (("dnslink=/ipfs/a",), True)
    second = link("b", was=first.values, name=first.name)
    after = zone.replace(second)
    assert zone.read(first.name, "TXT") == ("dnslink=/ipfs/b",) == after.values
    assert after.serial > written.serial


def test_the_same_change_again_touches_nothing(zone):
    change = link("a", was=())
    first = zone.replace(change)
    again = zone.replace(change)  # as after an answer that was lost
    assert (again.changed, again.serial, again.values) == (False, first.serial, first.values)


def test_what_somebody_else_has_changed_is_left_alone(zone):
    change = link("a")
    zone.replace(change)
    error = refused(zone, link("c", was=("dnslink=/ipfs/x",), name=change.name), "update_conflict")
    assert isinstance(error, RetryableError)
    assert error.evidence["found"] == ["dnslink=/ipfs/a"]
    refused(zone, link("c", was=(), name=change.name), "update_conflict")
    assert zone.read(change.name, "TXT") == ("dnslink=/ipfs/a",)


def test_records_are_deleted_and_may_be_of_other_types(zone):
    change = link("a")
    zone.replace(change)
    assert zone.replace(link(name=change.name)).values == () == zone.read(change.name, "TXT")
    name = f"alias{next(_numbers)}.sites.test"
    zone.replace(Change(name=name, type="CNAME", values=("gateway.example.net",)))
    assert zone.read(name, "CNAME") == ("gateway.example.net",)
    zone.replace(Change(name=f"v6.{name}", type="AAAA", values=("2001:db8::1", "2001:db8::2")))
    assert zone.read(f"v6.{name}", "AAAA") == ("2001:db8::1", "2001:db8::2")


@pytest.mark.parametrize("text", ["ü" * 300, 'quotes " and \\ and ; and $', "", "a" * 255, "a" * 256])
def test_a_text_comes_back_as_it_was_given(zone, text):
    change = Change(name=f"text{next(_numbers)}.sites.test", type="TXT", values=(text,))
    zone.replace(change)
    assert zone.read(change.name, "TXT") == (text,)
    assert not zone.replace(change).changed


def test_only_what_fits_into_our_zone_is_written(zone):
    for name in ("_dnslink.example.test", "badsites.test"):
        assert isinstance(refused(zone, link("a", name=name), "not_in_zone"), InvalidInput)
    with pytest.raises(InvalidInput, match="4096"):
        zone.replace(link("a" * 5000))


# what only a real server has to


def test_an_update_looks_as_it_was_seen_on_the_wire():
    change = Change(
        name="_dnslink.docs.sites.example.net",
        type="TXT",
        values=("dnslink=/ipfs/bafybeigmoamqjt7twezzhwnwsrnjo2daymysdy4m7msl7ig74czoh6wamm",),
    )
    message = update_message("sites.example.net", change, None)
    message.id = 0x1234
    assert message.to_wire().hex() == (
        "123428000001000000020000057369746573076578616d706c65036e65740000060001085f646e736c696e6b04646f6373c00c"
        "001000ff000000000000c023001000010000003c004a49646e736c696e6b3d2f697066732f62616679626569676d6f616d716a"
        "74377477657a7a68776e7773726e6a6f326461796d79736479346d376d736c3769673734637a6f683677616d6d"
    )


@pytest.mark.enable_socket
def test_two_writers_that_read_the_same_do_not_both_win(name_servers, monkeypatch):
    first, second, change = updated(name_servers), updated(name_servers), link("a")
    first.replace(change)
    read, reads = UpdatedZone.read, []

    def read_and_be_overtaken(zone: UpdatedZone, name: str, kind: str) -> tuple[str, ...]:
        found = read(zone, name, kind)
        reads.append(zone)
        if reads == [second]:  # between its reading and its writing
            first.replace(link("b", name=change.name))
        return found

    monkeypatch.setattr(UpdatedZone, "read", read_and_be_overtaken)
    refused(second, link("c", was=change.values, name=change.name), "update_conflict")
    assert first.read(change.name, "TXT") == ("dnslink=/ipfs/b",)


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("key", "zone", "code"),
    [
        (f"hmac-sha256:stranger:{SECRET}", "sites.test", "update_badkey"),
        (f"hmac-sha512:antiphon:{SECRET}", "sites.test", "update_badkey"),
        ("hmac-sha256:antiphon:b3RoZXI=", "sites.test", "update_badsig"),
        (READER, "sites.test", "update_badkey"),  # what knot says to a key without the right too
        (KEY, "nowhere.example", "update_refused"),  # as it answers the question before
        (KEY, "below.sites.test", "update_notauth"),  # which is no zone, but a part of one
    ],
)
def test_a_server_that_will_not_says_why_and_what_to_do(name_servers, key, zone, code):
    error = refused(updated(name_servers, key, zone), link("a", name=f"_dnslink.{zone}"), code)
    assert isinstance(error, PermanentError)
    assert error.evidence["zone"] == zone


@pytest.mark.parametrize(
    ("said", "code", "kind"),
    [
        (dns.rcode.REFUSED, "update_refused", PermanentError),
        (dns.rcode.NOTAUTH, "update_notauth", PermanentError),
        (dns.rcode.NOTZONE, "update_notauth", PermanentError),
        (dns.rcode.NOTIMP, "update_unsupported", PermanentError),
        (dns.rcode.FORMERR, "update_unsupported", PermanentError),
        (dns.rcode.SERVFAIL, "update_failed", RetryableError),
    ],
)
def test_every_refusal_has_a_code_and_something_to_do(said, code, kind):
    error = refusal(said, "sites.test", Server("192.0.2.53"))
    assert (error.code, type(error), bool(error.hint)) == (code, kind, True)
    assert error.evidence["rcode"] == dns.rcode.to_text(said)


@pytest.mark.enable_socket
def test_clocks_that_differ_are_told_from_wrong_keys(name_servers):
    with time_machine.travel("2020-01-01T00:00:00Z", tick=True):
        assert "NTP" in refused(updated(name_servers), link("a"), "update_badtime").hint


@pytest.mark.enable_socket
def test_a_server_that_is_mute_gone_or_no_primary_is_told(name_servers):
    assert isinstance(refused(updated(name_servers, at=MUTE), link("a"), "dns_unreachable"), RetryableError)
    gone = UpdatedZone("sites.test", Server("127.0.0.1", free_port()), KEY, 0.3)
    assert "refused" in refused(gone, link("a"), "dns_unreachable").message.lower()


@pytest.mark.enable_socket
def test_fifty_names_change_one_after_the_other_over_one_server(name_servers):
    zone, changes = updated(name_servers), [link(str(number)) for number in range(50)]
    assert all(zone.replace(change).changed for change in changes)
    assert not any(zone.replace(change).changed for change in changes)


@pytest.mark.enable_socket
def test_a_zone_written_by_hand_says_what_to_enter_until_it_is_there(name_servers):
    resolver = Resolver([Server("127.0.0.1", name_servers.port)], 1.0)
    by_hand, change = ManualZone("sites.test", resolver), link("a")
    error = refused(by_hand, change, "update_by_hand")
    assert f"type TXT, name “{change.name}.”, TTL 60, value “dnslink=/ipfs/a”" in error.hint
    updated(name_servers).replace(change)
    assert by_hand.replace(change).changed is False
    assert "Delete" in refused(by_hand, link(name=change.name), "update_by_hand").hint


def test_the_setting_chooses_the_backend(monkeypatch):
    monkeypatch.setenv("DNS_ZONE", "Sites.Test.")
    monkeypatch.setenv("DNS_SERVER", "192.0.2.53:5353")
    monkeypatch.setenv("DNS_RESOLVER", "192.0.2.1")
    monkeypatch.setenv("DNS_UPDATE_KEY", KEY)
    try:
        for backend, kind in (("rfc2136", UpdatedZone), ("memory", MemoryZone), ("manual", ManualZone)):
            monkeypatch.setenv("DNS_BACKEND", backend)
            forget_settings()
            assert (type(own_zone()), own_zone().zone, own_zone().name) == (kind, "sites.test", backend)
    finally:
        monkeypatch.undo()
        forget_settings()
