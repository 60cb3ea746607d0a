"""The harness' web process: the product's own, under the same listeners as the harness' workers."""

from tests.faults.chaos import outside as outside
from wsgi import app as app
