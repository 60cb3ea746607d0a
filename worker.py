"""The root of the Celery processes: workers, beat and Flower. `celery -A worker ...` finds the application
here.
"""

from app.engine import faults
from app.engine.discovery import discover
from app.engine.queue import get_celery
from app.engine.workers import register_tasks
from config.settings import settings_or_exit

settings_or_exit()
discover("app.models", "tasks", "workflows")
faults.install_from_environment()
celery = get_celery()
register_tasks(celery)
