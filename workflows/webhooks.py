"""What follows when outside services cannot be told. Which events they are told of, people configure."""

from app.engine import follow
from app.signals.webhooks import WebhookFailed
from tasks import webhooks

follow(WebhookFailed, do=webhooks.disable_lost)
