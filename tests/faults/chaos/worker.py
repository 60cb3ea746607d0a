"""The root of the harness' Celery processes: the product's own, and what the harness adds to it."""

from tests.faults.chaos import outside as outside  # first: the product registers what is declared by then
from worker import celery as celery
