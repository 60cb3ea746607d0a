"""What was used, as measured facts that each name the event they count."""

from typing import Literal

from app.signals.deploys import DeploySignal


class UsageMeasured(DeploySignal, type="usage.measured"):
    """An amount was used. `meter` says of what, `cause_event_id` by which event.

    `idempotency_key` names the measurement: the same one never counts twice.
    """

    meter: Literal["published_bytes", "published_files"]
    quantity: int
    unit: Literal["byte", "file"]
    cause_event_id: str
    idempotency_key: str
