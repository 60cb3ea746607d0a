"""The configuration files that gunicorn and Flower execute."""

import runpy

import pytest

from config.settings import SettingsError, get_settings


@pytest.fixture(autouse=True)
def settings_of_a_test(monkeypatch, tmp_path):
    for name, value in {"PORT": "9001", "GATEWAY_PORT": "9002", "FLOWER_PORT": "9003"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOST", "127.0.0.2")
    monkeypatch.setenv("ANTIPHON_HOME", str(tmp_path))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.mark.parametrize(("name", "bind"), [("web", "127.0.0.2:9001"), ("gateway", "127.0.0.2:9002")])
def test_a_server_listens_where_the_settings_say_and_holds_many_streams(name, bind):
    conf = runpy.run_module(f"config.{name}")
    assert conf["bind"] == bind
    assert conf["worker_class"] == "gevent"
    assert conf["graceful_timeout"] < 5, "an open stream must not hold up a stop"
    assert conf["control_socket_disable"] is True


def test_flower_is_closed_to_everybody_without_the_admin_token(tmp_path):
    (tmp_path / "admin-token").write_text("s3cret\n")
    conf = runpy.run_module("config.flower")
    assert conf["basic_auth"] == ["admin:s3cret"]
    assert (conf["address"], conf["port"]) == ("127.0.0.2", 9003)
    assert conf["persistent"] is False


def test_without_an_admin_token_flower_does_not_start_open():
    with pytest.raises(SettingsError, match="admin-token is missing: `flask release` makes it"):
        runpy.run_module("config.flower")
