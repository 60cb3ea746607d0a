"""The Celery application: what executes reactions, with every trap of it closed that is known.

Celery is trusted with nothing: no results, no retries, no schedules. A message carries a reaction's id.
"""

from typing import Any

from celery import Celery, signals
from kombu import Exchange, Queue

from config.logging import configure_logging
from config.settings import Settings, get_settings

HARD_TIME_LIMIT = 20 * 60  # seconds; longer than the longest deadline of any action
VISIBILITY_TIMEOUT = 3 * HARD_TIME_LIMIT  # a running message must never be handed out a second time
SOFT_SHUTDOWN_SECONDS = 5  # what runs may end; then its message goes back to the queue
KEY_PREFIX = "antiphon:"
INNER, OUTER = "inner", "outer"

_exchange = Exchange("antiphon", type="direct")

_transport: dict[str, Any] = {
    "visibility_timeout": VISIBILITY_TIMEOUT,
    "unacked_restore_interval": 5,  # seconds between two looks for messages of workers that are gone
    "unacked_restore_throttle": 1,
    "global_keyprefix": KEY_PREFIX,
    "socket_timeout": 5,  # without it a half-open connection hangs a publisher for ever
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 10,
    # a publisher hears at once that the broker is away: the default waits two seconds, in a request
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}

_conf: dict[str, Any] = {
    # what a message is
    "task_serializer": "json",
    "result_serializer": "json",
    "event_serializer": "json",
    "accept_content": ["json"],
    "task_queues": (Queue(INNER, _exchange, INNER), Queue(OUTER, _exchange, OUTER)),
    "task_default_queue": INNER,
    "task_default_exchange": _exchange.name,
    "task_default_routing_key": INNER,
    "task_create_missing_queues": False,  # a misspelt queue is an error, not a place where reactions rot
    # nothing is kept: the database is the record
    "result_backend": None,
    "task_ignore_result": True,
    "task_store_errors_even_if_ignored": False,
    # a message is acknowledged when its reaction has ended, however it ended
    "task_acks_late": True,
    "task_acks_on_failure": True,
    "task_acks_on_timeout": True,
    "task_reject_on_worker_lost": False,  # would hand a poison message out for ever
    "task_retry_on_worker_lost": False,  # attempts are counted in the database, before the work
    "task_publish_retry": False,  # the sweep sends again; a request does not wait for a broker
    "worker_prefetch_multiplier": 1,
    "worker_disable_prefetch": True,  # a waiting message belongs to whichever worker is free first
    "worker_eta_task_limit": 100,
    "task_time_limit": HARD_TIME_LIMIT,
    "task_soft_time_limit": HARD_TIME_LIMIT - 60,
    "visibility_timeout": VISIBILITY_TIMEOUT,
    # coming and going
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "worker_consumer": "config.consumer:PromptConsumer",
    "broker_connection_timeout": 2,
    "worker_cancel_long_running_tasks_on_connection_loss": False,  # the lease decides, not the connection
    "worker_soft_shutdown_timeout": SOFT_SHUTDOWN_SECONDS,
    "worker_enable_soft_shutdown_on_idle": False,
    # for Flower alone
    "worker_send_task_events": True,
    "task_send_sent_event": True,
    # our own lines
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    "timezone": "UTC",
    "enable_utc": True,
}


def make_celery(settings: Settings) -> Celery:
    """A Celery application for these settings, without tasks; it connects nowhere yet."""
    app = Celery("antiphon", broker=settings.broker_url)
    app.conf.update(_conf, broker_transport_options=dict(_transport))
    return app


def redis_address(broker_url: str) -> str:
    """The broker's address in the spelling of the redis client, whose sockets are `unix://`."""
    return broker_url.replace("redis+socket://", "unix://", 1).replace("?virtual_host=", "?db=", 1)


def _keep_our_logging(**_: Any) -> None:
    """A receiver of this signal is what keeps Celery from setting up logging of its own."""
    configure_logging(get_settings().log_level)


signals.setup_logging.connect(_keep_our_logging, weak=False)
