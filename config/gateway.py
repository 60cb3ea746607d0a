"""Gunicorn's configuration file of the gateway: the deployed sites, on an origin of their own."""

from config import gunicorn
from config.settings import get_settings

_settings = get_settings()

bind = f"{_settings.host}:{_settings.gateway_port}"
proc_name = "antiphon-gateway"
worker_class = gunicorn.WORKER_CLASS
timeout = gunicorn.TIMEOUT
graceful_timeout = gunicorn.GRACEFUL_TIMEOUT
keepalive = gunicorn.KEEPALIVE
logger_class = gunicorn.OurLines
control_socket_disable = True  # two servers would share one path in the home folder
