"""Settings: defaults, derived values, and every mistake told at once."""

import stat
import threading
from pathlib import Path

import pytest

from config.pages import env_example
from config.settings import SettingsError, get_settings, load_settings


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for line in env_example().splitlines():
        monkeypatch.delenv(line.strip("# ").partition("=")[0], raising=False)


def test_nothing_set_is_a_complete_set_of_settings(tmp_path):
    settings = load_settings()
    assert settings.antiphon_home == tmp_path / "var"
    assert settings.database_url == f"sqlite:///{tmp_path}/var/antiphon.db"
    assert settings.broker_url == f"redis+socket://{tmp_path}/var/redis/redis.sock"
    assert (settings.public_url, settings.gateway_url) == ("http://127.0.0.1:8000", "http://localhost:8080")
    assert (settings.lease_seconds, settings.sweep_seconds, settings.max_bomb_ratio) == (10, 1, 200)
    assert settings.max_upload_bytes == 1024**3
    assert not (tmp_path / "var").exists(), "reading settings writes nothing"


def test_a_dot_env_file_is_read_and_the_environment_goes_before_it(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("PORT=9000\nGATEWAY_PORT=9001\nSOMETHING_ELSE=1\n")
    monkeypatch.setenv("PORT", "9100")
    assert (load_settings().port, load_settings().gateway_port) == (9100, 9001)


def test_an_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("PORT", "")
    monkeypatch.setenv("REDIS_URL", "")
    assert (load_settings().port, load_settings().redis_url) == (8000, None)


def test_the_example_file_changes_nothing(tmp_path):
    plain = load_settings()
    (tmp_path / ".env").write_text(env_example())
    assert load_settings() == plain


def test_all_mistakes_are_told_at_once_by_the_names_of_the_variables(monkeypatch):
    wrong = {
        "PORT": "http",
        "GATEWAY_PORT": "70000",
        "PUBLIC_URL": "deploy.example.org",
        "DATABASE_URL": "mysql://root:hunter2@db/x",
        "REDIS_URL": "amqp://guest:hunter2@mq",
        "KUBO_API": "/ip4/hunter2/tcp/5001",
        "ENS_RPC": "wss://node/hunter2",
        "ENS_REGISTRY": "ens.eth",
        "ENS_SIGNER_KEY": "hunter2",
        "LEASE_SECONDS": "-1",
        "MAX_SITE_FILES": "0",
        "STORAGE_BACKEND": "tape",
        "LOG_LEVEL": "LOUD",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    lines = str(caught.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == sorted(wrong, key=_place_in_example)
    assert "hunter2" not in str(caught.value), "addresses that may hold passwords are not repeated"
    assert "'70000'" in str(caught.value)


def _place_in_example(name: str) -> int:
    return env_example().index(f"\n# {name}=")


def test_the_address_of_a_node_is_read_with_and_without_its_path():
    for given in ("http://me:it@[::1]:5001", "http://me:it@[::1]:5001/", "http://me:it@[::1]:5001/api/v0/"):
        assert load_settings(kubo_api=given).kubo_api == "http://me:it@[::1]:5001"
    assert load_settings(kubo_api="").kubo_api is load_settings().kubo_api is None
    assert "it@" not in repr(load_settings(kubo_api="http://me:it@h:1"))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("postgres://u@h/d", "postgresql+psycopg://u@h/d"),
        ("postgresql://u@h/d", "postgresql+psycopg://u@h/d"),
        ("postgresql+psycopg://u@h/d", "postgresql+psycopg://u@h/d"),
        ("sqlite:////srv/a.db", "sqlite:////srv/a.db"),
    ],
)
def test_a_database_address_gets_the_driver_that_is_installed(given, kept):
    assert load_settings(database_url=given).database_url == kept


@pytest.mark.parametrize("bad", ["sqlite://", "oracle://x", "antiphon.db", "postgresql+asyncpg://h/d"])
def test_a_database_that_the_engine_does_not_speak_is_refused(bad):
    with pytest.raises(SettingsError, match="DATABASE_URL: is neither"):
        load_settings(database_url=bad)


def test_a_redis_socket_is_brought_into_the_brokers_spelling():
    assert load_settings(redis_url="unix:///run/r.sock").broker_url == "redis+socket:///run/r.sock"


def test_without_a_socket_the_broker_is_where_the_local_start_wrote(tmp_path):
    folder = tmp_path / "var" / "redis"
    folder.mkdir(parents=True)
    (folder / "url").write_text("redis://:pw@127.0.0.1:7001/0\n")
    assert load_settings().broker_url == "redis://:pw@127.0.0.1:7001/0"
    assert load_settings(redis_url="redis://elsewhere/1").broker_url == "redis://elsewhere/1"


@pytest.mark.parametrize(
    ("host", "public", "gateway"),
    [
        ("0.0.0.0", "http://127.0.0.1:8000", "http://localhost:8080"),
        ("::", "http://[::1]:8000", "http://localhost:8080"),
        ("::1", "http://[::1]:8000", "http://localhost:8080"),
        ("deploy.lan", "http://deploy.lan:8000", "http://deploy.lan:8080"),
    ],
)
def test_the_addresses_for_people_follow_from_where_the_servers_listen(host, public, gateway):
    settings = load_settings(host=host)
    assert (settings.public_url, settings.gateway_url) == (public, gateway)


@pytest.mark.parametrize(
    "bad", ["example.org", "ftp://example.org", "http://", "https://a/?x=1", "https://a/#x"]
)
def test_an_address_for_people_must_be_one_they_can_open(bad):
    with pytest.raises(SettingsError, match=r"GATEWAY_URL: is not an address .*\(it is "):
        load_settings(gateway_url=bad)


def test_a_closing_slash_of_an_address_is_dropped():
    assert load_settings(public_url="https://deploy.example.org/").public_url == "https://deploy.example.org"


def test_the_secret_key_is_made_once_for_its_owner_alone(tmp_path):
    first = load_settings().secret_key
    assert len(first) >= 48
    assert load_settings().secret_key == first
    file = tmp_path / "var" / "secret-key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [other.name for other in file.parent.iterdir()] == ["secret-key"], "no draft is left"


def test_processes_that_start_together_agree_on_the_secret_key():
    ready, keys = threading.Barrier(8), set()

    def read() -> None:
        settings = load_settings()
        ready.wait()
        keys.add(settings.secret_key)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 1


def test_a_given_secret_key_is_taken_and_never_shown(tmp_path):
    settings = load_settings(secret_key="hunter1", database_url="postgresql://u:hunter2@h/d")
    assert settings.secret_key == "hunter1"
    assert not (tmp_path / "var").exists()
    assert "hunter1" not in repr(settings)
    assert "hunter2" not in repr(settings)


def test_a_home_that_is_a_file_is_told_as_a_mistake_of_its_setting(tmp_path):
    (tmp_path / "var").write_text("in the way")
    with pytest.raises(SettingsError, match="ANTIPHON_HOME: cannot keep a secret key"):
        _ = load_settings().secret_key


def test_settings_never_change():
    with pytest.raises(ValueError, match="frozen"):
        load_settings().port = 1


def test_the_settings_of_a_process_are_read_once(monkeypatch):
    get_settings.cache_clear()
    first = get_settings()
    monkeypatch.setenv("PORT", "9999")
    assert get_settings() is first
    get_settings.cache_clear()


def test_another_process_gets_the_same_settings_from_the_environment(monkeypatch, tmp_path):
    settings = load_settings(port=9000, lease_seconds=0.5, redis_url="redis://h/2", secret_key="given")
    environment = settings.as_environment()
    assert "SECRET_KEY" not in environment
    monkeypatch.chdir("/")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert load_settings(secret_key="given") == settings


def test_allowed_networks_are_a_list_with_commas(monkeypatch):
    assert load_settings().webhook_allow_networks == ""
    monkeypatch.setenv("WEBHOOK_ALLOW_NETWORKS", " 10.0.0.0/8, 192.168.1.7 ,fd00::/8,")
    settings = load_settings()
    assert settings.webhook_allow_networks == "10.0.0.0/8,192.168.1.7/32,fd00::/8"
    again = settings.as_environment()["WEBHOOK_ALLOW_NETWORKS"]
    assert load_settings(webhook_allow_networks=again).webhook_allow_networks == again
    for wrong in ("10.0.0.0/33", "10.0.0.1/8", "localhost", "10.0.0.0/8;fd00::/8"):
        monkeypatch.setenv("WEBHOOK_ALLOW_NETWORKS", wrong)
        with pytest.raises(SettingsError, match="WEBHOOK_ALLOW_NETWORKS: "):
            load_settings()
