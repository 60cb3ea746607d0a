"""What was used, as measured facts that each name the event they count."""

from typing import Any, Literal, Self

from app.engine import Signal

Meter = Literal[
    "deploys",
    "storage_bytes",
    "storage_bytes_deduplicated",
    "bandwidth",
    "requests",
    "webhooks",
    "notifications",
    "published_bytes",
    "published_files",
    "ens_gas",
]
Unit = Literal["deploy", "byte", "request", "call", "message", "file", "gas"]

#: Every meter and what it counts.
METERS: dict[Meter, Unit] = {
    "deploys": "deploy",
    "storage_bytes": "byte",
    "storage_bytes_deduplicated": "byte",
    "bandwidth": "byte",
    "requests": "request",
    "webhooks": "call",
    "notifications": "message",
    "published_bytes": "byte",
    "published_files": "file",
    "ens_gas": "gas",
}


class UsageMeasured(Signal, type="usage.measured"):
    """An amount was used. `meter` says of what, `cause_event_id` by which event.

    `idempotency_key` names the measurement: the same one never counts twice. Without a `site_id` it was used
    by no site. `day` is the day (UTC) of the use, where that may be another than that of the recording. Of
    traffic, `file` is the access file that was read, from the byte `start` up to `end`.
    """

    meter: Meter
    quantity: int
    unit: Unit
    cause_event_id: str
    idempotency_key: str
    site_id: str | None = None
    site: str | None = None
    deploy_id: str | None = None
    number: int | None = None
    day: str | None = None
    file: str | None = None
    start: int | None = None
    end: int | None = None

    @property
    def stream(self) -> str:
        """The stream of what was counted."""
        return traffic_stream(self.file) if self.file else ""

    @property
    def subject(self) -> str:
        """The deploy, else the site, else what was counted."""
        return self.deploy_id or self.site_id or ""

    @property
    def label(self) -> str:
        """Slug and number, else the slug, else the label of what was counted."""
        return f"{self.site} #{self.number}" if self.site and self.number else self.site or ""

    @classmethod
    def counting(cls, cause: Signal, meter: Meter, quantity: int, **more: Any) -> Self:
        """So much was used by what a recorded signal says; its site and deploy are those of this too."""
        about = {
            name: getattr(cause, name)
            for name in ("site_id", "site", "deploy_id", "number")
            if hasattr(cause, name)
        }
        event = cause.recorded.id
        key = {"cause_event_id": event, "idempotency_key": f"{meter}:{event}"}
        measured = {"meter": meter, "quantity": quantity, "unit": METERS[meter]}
        return cls.model_validate(about | key | measured | more)


class TrafficRead(Signal, type="usage.traffic.read", starts="traffic"):
    """The gateway's access file `file` was read from the byte `start` up to `end`, which is never read again.

    It held so many `requests`, and `damaged` lines that say nothing. One file is one flow.
    """

    file: str
    start: int
    end: int
    requests: int
    damaged: int

    @property
    def stream(self) -> str:
        """The stream of the file."""
        return traffic_stream(self.file)


def unit_of(meter: str) -> str:
    """What a meter counts."""
    return next(unit for name, unit in METERS.items() if name == meter)


def traffic_stream(file: str) -> str:
    """The stream of what was read from one access file."""
    return f"/traffic/{file}"
