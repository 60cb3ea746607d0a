"""The settings of notifications: what is taken, and what is told to be wrong without its password."""

import pytest

from config.mail import SCHEMES
from config.settings import SettingsError, load_settings


@pytest.mark.parametrize(
    "url",
    [
        "smtp://localhost:1025",
        "smtp://u:p@127.0.0.1",
        "smtps://u:p%40ss@mail.example.org",
        "smtp+starttls://mail:587",
    ],
)
def test_a_mail_server_is_an_address(url: str) -> None:
    assert load_settings(smtp_url=url).smtp_url == url
    assert load_settings(smtp_url=url).as_environment()["SMTP_URL"] == url


def test_without_a_mail_server_other_processes_have_none_either() -> None:
    assert load_settings().smtp_url is None
    assert load_settings(smtp_url="").smtp_url is None
    assert "SMTP_URL" not in load_settings().as_environment()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"smtp_url": "mail.example.org"}, "SMTP_URL: is not smtp://"),
        ({"smtp_url": "http://u:p4ss@mail.example.org"}, "SMTP_URL: is not smtp://"),
        ({"smtp_url": "smtps://u:p4ss@mail:99999"}, "SMTP_URL: has a port that there is not"),
        ({"smtp_url": "smtps://mail:p4ss"}, "SMTP_URL: has a port that there is not"),
        ({"smtp_url": "smtps://u:p4/ss@mail"}, "SMTP_URL: has"),
        ({"smtp_url": "smtp://u:p4ss@mail.example.org"}, "SMTP_URL: would send its password readable"),
        ({"notify_from": "Antiphon"}, "NOTIFY_FROM: is not an e-mail address"),
        ({"notify_from": "a@example.org\nBcc: b@example.org"}, "NOTIFY_FROM: is not an e-mail address"),
        ({"notify_schemes": "slack,json"}, "NOTIFY_SCHEMES: json cannot be allowed"),
        ({"notify_dedup_seconds": -1}, "NOTIFY_DEDUP_SECONDS"),
    ],
)
def test_what_is_wrong_is_told_without_its_password(given: dict[str, str], why: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(**given)
    assert why in str(caught.value)
    assert "p4ss" not in str(caught.value)


def test_nothing_that_acts_on_this_machine_can_be_allowed() -> None:
    assert not SCHEMES & {
        "json",
        "jsons",
        "form",
        "xml",
        "syslog",
        "dbus",
        "windows",
        "macosx",
        "file",
        "ntfy",
    }
    assert load_settings(notify_schemes=" Slack, tgram,slack ").notify_schemes == "slack,tgram"
