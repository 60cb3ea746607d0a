"""What `flask domains show` says of a certificate: until when it is good, or why there is none."""

import click

from app.cli.domains import _certificate

FOUND = {"state": "active", "issuer": "Test CA", "not_after": "2026-04-01T00:00:00Z", "failure": None}
FOUND |= {"renew_at": "2026-03-02T00:00:00Z", "next_try_at": None}
FAILURE = {"code": "caa_forbids", "stage": "preflight", "message": "CAA forbids it.", "hint": "Add one."}


def test_a_certificate_is_shown_with_its_times():
    said = click.unstyle("\n".join(_certificate(FOUND)))
    assert "Test CA" in said
    assert "2026-04-01" in said
    assert "tried again" not in said


def test_a_failure_is_shown_with_what_to_do_and_when_it_is_tried_again():
    times = {"issuer": "", "not_after": None, "renew_at": None, "next_try_at": "2026-01-01T01:00:00Z"}
    said = click.unstyle("\n".join(_certificate({**FOUND, "state": "failed", "failure": FAILURE} | times)))
    assert "CAA forbids it. [caa_forbids]" in said
    assert "Add one." in said
    assert "tried again" in said
    assert "valid until" not in said


def test_nothing_is_said_where_the_proxy_gets_it():
    assert _certificate(None) == []
