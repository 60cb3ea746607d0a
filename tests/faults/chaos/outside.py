"""What the harness adds to the platform: each published deploy is told to the world outside, which counts."""

import json
import os
from urllib.request import Request, urlopen

from app.engine import action, current, on
from app.signals.deploys import DeployPublished
from tests.faults.chaos.receiver import RECEIVER

PATIENCE = 5.0


@action(service="outside", attempts=20, retry_on={OSError: "outside_unreachable"})
def tell_outside(event: DeployPublished) -> None:
    """Call the receiver once for each publication; a repeat carries the same key."""
    told = json.dumps({"event": event.recorded.id, "deploy": event.deploy_id}).encode()
    headers = {"Idempotency-Key": current().idempotency_key, "Content-Type": "application/json"}
    with urlopen(Request(os.environ[RECEIVER], told, headers), timeout=PATIENCE) as answer:  # noqa: S310 - ours
        answer.read()


on(DeployPublished, do=tell_outside)
