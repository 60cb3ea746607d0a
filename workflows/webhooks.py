"""What follows when outside services cannot be told, or are tested. Which events they are told of, people
configure.
"""

from app.engine import follow
from app.signals.webhooks import WebhookFailed, WebhookTestRequested
from tasks import webhooks

follow(WebhookFailed, do=webhooks.disable_lost)
follow(WebhookTestRequested, do=webhooks.call_once)
