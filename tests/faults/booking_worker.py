"""The root of real Celery processes over the house of `booking`."""

from app.engine.queue import get_celery
from app.engine.workers import register_tasks
from tests.faults import booking

booking.declare()
celery = get_celery()
register_tasks(celery)
