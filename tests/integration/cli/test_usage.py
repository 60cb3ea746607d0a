"""`flask usage`, `flask quotas`, and the gates of a site, on both databases."""

import pytest

from app.engine import now
from app.services.traffic import open_traffic
from app.services.traffic.port import Answered
from tasks.traffic import count_traffic


@pytest.fixture
def served(terminal):
    """A terminal on a platform whose site `hello` has served 100 bytes in two requests."""
    terminal("sites", "create", "hello")
    site = terminal.json("events", "tail", "--type", "site.created", "--limit", 1)["data"]["site_id"]
    for size in (70, 30):
        open_traffic().note(Answered(round(now().timestamp() * 1000), site, 200, size))
    count_traffic()
    return terminal


def test_what_was_used_is_shown_by_meter_by_day_and_by_measurement(served):
    rows = [line.split() for line in served("usage", "show", "--site", "hello").splitlines()]
    assert ["bandwidth", "100", "byte"] in rows
    assert ["requests", "2", "request"] in rows
    [day] = served("usage", "show", "--meter", "bandwidth").splitlines()[1:]
    assert day.split()[0] == f"{now():%Y-%m-%d}"
    found = served.json("usage", "measurements", "bandwidth", "--site", "hello")
    assert sum(each["quantity"] for each in found) == 100
    assert f"{found[0]['file']} 0-" in served("usage", "measurements", "bandwidth")
    assert "usage.measured" in served("events", "show", found[0]["id"])
    assert served("usage", "show", "--meter", "requests", "--to", "2020-01-31").startswith("Nothing was used")
    assert "[meter_unknown]" in served.error("usage", "show", "--meter", "water")


def test_a_quota_is_set_shown_changed_and_deleted(served):
    assert "flask quotas set" in served("quotas", "list")
    made = served.json("quotas", "set", "bandwidth", "80", "--site", "hello", "--at", "50", "--at", "90")
    assert (made["thresholds"], made["window"], made["exceeded"]) == ([50, 90], "month", True)
    [row] = served("quotas", "list").splitlines()[1:]
    assert row.split() == [made["id"], "hello", "bandwidth", "month", "100", "80", "125"]
    assert "100 (125 %)" in served("quotas", "show", made["id"])
    changed = served.json("quotas", "change", made["id"], "--limit", "1000")
    assert (changed["limit"], changed["thresholds"], changed["exceeded"]) == (1000, [50, 90], False)
    assert served("quotas", "delete", made["id"]) == f"Deleted {made['id']}.\n"
    assert "[quota_not_found]" in served.error("quotas", "show", made["id"])


def test_the_gates_of_a_site_are_closed_and_opened_by_hand(served):
    assert ": release freeze" in served("sites", "lock", "hello", "--reason", "release freeze")
    site = served.json("sites", "pause", "hello")
    assert (site["locked"], site["paused"]) == (True, True)
    assert served("sites", "unlock", "hello") == "hello takes deploys again.\n"
    assert served("sites", "resume", "hello") == "hello is served again.\n"
    assert served.json("sites", "show", "hello")["gates"] == {}
