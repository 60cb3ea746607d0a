"""What the two servers have in common, web and gateway: gevent workers and our own log lines."""

from gunicorn.config import Config
from gunicorn.glogging import Logger

from config.logging import configure_logging
from config.settings import get_settings


class OurLines(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """Gunicorn's lines among ours, in the same form."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        configure_logging(get_settings().log_level)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


WORKER_CLASS = "gevent"  # an open event stream costs a greenlet, not a thread
TIMEOUT = 60  # seconds that a worker's loop may stand still
GRACEFUL_TIMEOUT = 3  # seconds for open answers at the end; a stream is resumed by its reader
KEEPALIVE = 15
