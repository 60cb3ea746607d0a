"""What is found before anything is started, and how it is said."""

import pytest

from app.local.redis import plan_redis
from app.local.refusals import Refused, claim_home
from config.settings import load_settings


def test_a_home_is_made_for_its_owner_alone(tmp_path):
    with claim_home(tmp_path / "a" / "var") as left_in_order:
        assert left_in_order
    assert (tmp_path / "a" / "var").stat().st_mode & 0o777 == 0o700


def test_a_home_that_cannot_be_written_is_refused_with_its_setting(tmp_path):
    (tmp_path / "var").write_text("in the way")
    why = pytest.raises(Refused, match=r"var cannot be written \(.*\): set ANTIPHON_HOME")
    with why, claim_home(tmp_path / "var"):
        pass


def test_two_starts_never_share_a_home(tmp_path):
    why = pytest.raises(Refused, match=r"Another start uses .* \(process \d+\)")
    with claim_home(tmp_path), why, claim_home(tmp_path):
        pass
    with claim_home(tmp_path) as left_in_order:
        assert left_in_order, "a refused second start leaves no trace"


def test_a_holder_that_was_killed_is_noticed(tmp_path):
    (tmp_path / "run.lock").write_text("4711")
    with claim_home(tmp_path) as left_in_order:
        assert not left_in_order


def test_a_short_home_gets_a_socket(tmp_path, monkeypatch):
    monkeypatch.setattr("app.local.redis.find_server", lambda: "/bin/redis-server")
    plan = plan_redis(tmp_path)
    assert plan.url == f"redis+socket://{tmp_path}/redis/redis.sock"
    for line in ("port 0", "appendonly yes", "appendfsync everysec", "maxmemory-policy noeviction"):
        assert line in plan.config.splitlines()


def test_a_home_too_long_for_a_socket_gets_a_port_with_a_password(tmp_path, monkeypatch):
    monkeypatch.setattr("app.local.redis.find_server", lambda: "/bin/redis-server")
    monkeypatch.setattr("app.local.redis.free_port", lambda: 7001)
    home = tmp_path / ("long" * 30)
    home.mkdir()
    plan = plan_redis(home)
    assert plan.url.startswith("redis://:")
    assert plan.url.endswith("@127.0.0.1:7001/0")
    assert f"requirepass {plan.url[9:].partition('@')[0]}" in plan.config
    written = home / "redis" / "url"
    assert written.read_text() == plan.url
    assert written.stat().st_mode & 0o777 == 0o600
    assert load_settings(antiphon_home=home).broker_url == plan.url


def test_where_no_redis_runs_the_way_to_one_is_told(tmp_path, monkeypatch):
    broken = tmp_path / "redis-server"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "elsewhere" / "python"))
    with pytest.raises(Refused, match=r"install redis-server.* or set REDIS_URL"):
        plan_redis(tmp_path)
