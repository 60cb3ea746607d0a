"""Gunicorn's configuration file of the web process: API, pages and docs."""

from config import gunicorn
from config.settings import get_settings

_settings = get_settings()

bind = f"{_settings.host}:{_settings.port}"
proc_name = "antiphon-web"
worker_class = gunicorn.WORKER_CLASS
timeout = gunicorn.TIMEOUT
graceful_timeout = gunicorn.GRACEFUL_TIMEOUT
keepalive = gunicorn.KEEPALIVE
logger_class = gunicorn.OurLines
control_socket_disable = True  # two servers would share one path in the home folder
