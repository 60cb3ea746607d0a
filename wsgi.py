"""The web process: API and pages; also where `flask` finds its commands. Gunicorn serves it with gevent."""

from app.engine import faults
from app.engine.discovery import discover
from app.factory import create_app
from app.services.notify import checker
from app.services.outbound import open_outbound
from app.services.spool import open_spool
from config.logging import configure_logging
from config.settings import settings_or_exit

configure_logging(settings_or_exit().log_level)
discover("app.models", "tasks", "workflows")
faults.install_from_environment()
outbound = open_outbound()
app = create_app(spool=open_spool(), check_url=outbound.check_url, check_channel=checker(outbound.addresses))
