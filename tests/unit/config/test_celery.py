"""Celery's settings: what the engine relies on."""

from unittest.mock import ANY, Mock

import pytest
from celery import signals
from celery.utils.imports import symbol_by_name
from kombu import Connection

from config.celery import HARD_TIME_LIMIT, KEY_PREFIX, make_celery, redis_address
from config.settings import load_settings


@pytest.fixture
def celery():
    return make_celery(load_settings(redis_url="redis+socket:///run/some.sock"))


def test_celery_keeps_no_results_and_retries_nothing(celery):
    assert celery.conf.result_backend is None
    assert celery.conf.task_ignore_result is True
    assert celery.conf.task_publish_retry is False
    assert celery.conf.task_retry_on_worker_lost is False
    assert celery.conf.task_reject_on_worker_lost is False


def test_a_message_is_acknowledged_when_its_work_has_ended_however_it_ended(celery):
    assert celery.conf.task_acks_late is True
    assert celery.conf.task_acks_on_failure is True
    assert celery.conf.task_acks_on_timeout is True


def test_a_running_message_is_never_handed_out_again(celery):
    assert celery.conf.task_time_limit == HARD_TIME_LIMIT
    assert celery.conf.task_soft_time_limit < HARD_TIME_LIMIT
    assert celery.conf.broker_transport_options["visibility_timeout"] == 3 * HARD_TIME_LIMIT
    assert celery.conf.visibility_timeout == 3 * HARD_TIME_LIMIT


def test_only_json_is_accepted(celery):
    assert celery.conf.accept_content == ["json"]
    assert celery.conf.task_serializer == "json"


def test_inner_and_outer_are_the_only_queues(celery):
    assert sorted(queue.name for queue in celery.conf.task_queues) == ["inner", "outer"]
    assert celery.conf.task_create_missing_queues is False


def test_two_applications_share_no_transport_options(celery):
    celery.conf.broker_transport_options["global_keyprefix"] = "other:"
    fresh = make_celery(load_settings(redis_url="redis://h/0"))
    assert fresh.conf.broker_transport_options["global_keyprefix"] == KEY_PREFIX


def test_a_worker_looks_every_other_second_for_a_broker_however_long_that_is_away(celery, monkeypatch):
    asked = {}
    monkeypatch.setattr(Connection, "ensure_connection", lambda self, *_, **how: asked.update(how) or self)
    consumer = symbol_by_name(celery.conf.worker_consumer)(None, app=celery, controller=Mock())
    consumer.connection_for_read()
    assert asked == {"interval_start": 2, "interval_step": 0, "interval_max": 2, "callback": ANY}


def test_an_unknown_task_is_dropped_without_a_word_and_told_to_who_listens(celery, caplog):
    heard = []

    def hear(name, id, **_):
        heard.append((name, id))

    signals.task_unknown.connect(hear)
    consumer = symbol_by_name(celery.conf.worker_consumer)(None, app=celery, controller=Mock())
    message = Mock(headers={"task": "sites.build", "id": "r1"})
    consumer.on_unknown_task(None, message, KeyError("sites.build"))
    assert heard == [("sites.build", "r1")]
    assert message.reject_log_error.call_count == 1
    assert caplog.records == []


def test_a_broker_on_a_socket_is_understood_by_kombu_and_by_the_redis_client(celery):
    connection = Connection(celery.conf.broker_url)
    assert connection.transport_cls == "redis"
    assert connection.hostname == "socket:///run/some.sock"
    assert redis_address("redis+socket:///run/some.sock?virtual_host=2") == "unix:///run/some.sock?db=2"
    assert redis_address("redis://h:1/2") == "redis://h:1/2"
