"""Port 80, as a certificate authority would find it, against real listeners."""

import pytest

from app.dns.observed import Observation, Zone
from app.dns.preflight import port80_finding
from app.services.dns.port80 import PortProber
from tests.fixtures.nameservers import free_port
from tests.fixtures.receivers import Visit, answering

PATH, TEXT, HOST = "/.well-known/antiphon/t0ken", "t0ken", "docs.example.test"


def gateway(visit: Visit) -> None:
    """Knows the text, for the right host and path."""
    first, *headers = visit.read().decode().split("\r\n")
    right = first == f"GET {PATH} HTTP/1.1" and f"Host: {HOST}" in headers
    answering("200 OK" if right else "400 Bad Request", b"t0ken\n")(visit)


def found(port: int, seconds: float = 5):
    probes = PortProber(["127.0.0.1"], port, seconds).probe(HOST, ["127.0.0.1", "192.0.2.1"], PATH, TEXT)
    return probes, port80_finding(Observation(HOST, Zone("example.test")), probes).code


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (gateway, ""),
        (answering("200 OK", b"a parking page"), "port80_elsewhere"),
        (answering("404 Not Found"), "port80_elsewhere"),
        (answering("301 Moved", location="https://docs.example.test/"), "challenge_redirected"),
        (lambda visit: visit.send(b"220 mail ready\r\n"), "port80_blocked"),
        (lambda visit: visit.connection.close(), "port80_blocked"),
    ],
)
def test_what_answers_on_port_80_has_to_be_us(receiver, behaviour, code):
    there = receiver(behaviour)
    probes, told = found(there.port)
    assert told == code, probes
    assert [probe.address for probe in probes] == ["127.0.0.1"]  # the other address is not ours to ask


def test_a_port_that_nobody_listens_on_or_that_is_mute_is_blocked(receiver):
    assert found(free_port())[1] == "port80_blocked"
    mute = receiver(lambda visit: visit.stop.wait(5))
    probes, code = found(mute.port, 0.2)
    assert (code, probes[0].trouble) == ("port80_blocked", "no answer within 0.2 s")
