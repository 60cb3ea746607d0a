"""Flower's configuration file: a window on the workers, behind the admin token, on our own address.

Flower executes this file; every plain name in it that is one of its options is set. It also finds its Celery
application here, one without tasks: a window need not load what it looks at.
"""

from config.celery import make_celery
from config.settings import SettingsError, get_settings

_settings = get_settings()
_token_file = _settings.antiphon_home / "admin-token"
if not _token_file.exists():
    raise SettingsError(f"{_token_file} is missing: `flask release` makes it")

app = make_celery(_settings)

address = _settings.host
port = _settings.flower_port
basic_auth = [f"admin:{_token_file.read_text().strip()}"]
max_tasks = 10_000  # the record is the database; this is what fits one page of history
max_workers = 100
persistent = False
purge_offline_workers = 60  # seconds
tasks_columns = "name,uuid,state,args,received,started,runtime,worker"
