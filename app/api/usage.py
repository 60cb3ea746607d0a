"""What was used: `/v1/usage`, its totals by day, and the measurements that make each of them."""

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel, Field

from app.api.auth import asker, require_site, scope
from app.api.errors import problems
from app.api.paging import Listed, Page, listed
from app.api.requests import Instant, Moment, Text
from app.api.v1 import v1
from app.commands.quotas import check_meter
from app.engine import now, reading
from app.errors import InvalidInput
from app.models import usage
from app.models.usage import DayTotal, Measurement, Span
from app.signals.usage import METERS, unit_of

TAGS: Any = [{"name": "Usage", "description": "What was used, measured as events, and how much is allowed."}]
#: So many days are shown when no other range is asked for.
DAYS = 30


class Range(BaseModel):
    """Which usage: the days (UTC) from the one of `from` to the one of `to`, both included."""

    site: Text | None = None
    begin: Instant | None = Field(None, alias="from", description="By default 30 days back.")
    to: Instant | None = Field(None, description="By default today.")


class Asked(Range):
    """Which usage, and of what: every meter, if none is named."""

    meter: Text | None = None


class AskedPage(Page, Range):
    """The part of a meter's measurements that is asked for."""

    meter: Text


class DayAnswer(BaseModel):
    """What a meter came to on a day. `measurements` is where each of those that make it is listed."""

    day: str
    quantity: int
    count: int
    measurements: str


class MeterAnswer(BaseModel):
    """A meter, its total, and the days on which there was anything."""

    meter: str
    unit: str
    total: int
    by_day: list[DayAnswer]


class UsageAnswer(BaseModel):
    """What was used from a day to a day, of one site or of everything."""

    site: str | None
    begin: str = Field(alias="from")
    to: str
    meters: list[MeterAnswer]


class MeasurementAnswer(BaseModel):
    """One measurement. `id` is its event's, `cause` that of the event that it counts. Of traffic, `file`,
    `start` and `end` are the bytes of the gateway's access file that were read.
    """

    id: str
    meter: str
    quantity: int
    unit: str
    day: str
    site: str | None
    deploy: str | None
    cause: str
    measured_at: Moment
    file: str | None
    start: int | None
    end: int | None


class MeasurementList(Listed):
    """Measurements, newest first."""

    items: list[MeasurementAnswer]


@v1.get("/usage", tags=TAGS, responses={200: UsageAnswer, **problems(404)})
@scope("read")
def show_usage(query: Asked) -> Any:
    """What was used, by meter and day. Each number is a sum of `usage.measured` events."""
    if query.meter is not None:
        check_meter(query.meter)
    span, slug = _span(query)
    wanted = [query.meter] if query.meter else list(METERS)
    with reading() as db:
        totals = usage.by_day(db, span, wanted)
    meters = [
        _meter(meter, [each for each in totals if each.meter == meter], slug)
        for meter in METERS
        if meter in wanted
    ]
    said = UsageAnswer.model_validate({"site": slug, "from": span.first, "to": span.last, "meters": meters})
    return said.model_dump(mode="json", by_alias=True)


@v1.get("/usage/measurements", tags=TAGS, responses={200: MeasurementList, **problems(404)})
@scope("read")
def list_measurements(query: AskedPage) -> Any:
    """The measurements that make a meter's totals, newest first."""
    check_meter(query.meter)
    span, _ = _span(query)
    with reading() as db:
        rows = usage.page(db, span, query.meter, query.limit + 1, query.after)
    return listed(rows, query.limit, _said, lambda each: each.id)


def _span(query: Range) -> tuple[Span, str | None]:
    """Which usage is meant, and the slug of its site. InvalidInput `range_reversed`; NotFound, Forbidden."""
    last = (query.to or max(now(), query.begin or now())).date()
    month = timedelta(days=DAYS - 1)
    first = query.begin.date() if query.begin else max(last, date.min + month) - month
    if first > last:
        what = f"The range ends on {last}, before it begins on {first}."
        raise InvalidInput("range_reversed", what, "Exchange the two.")
    site_id, slug = asker().site_id, query.site
    if slug is not None:
        site_id = require_site(slug).id
    return Span(site_id, str(first), str(last)), slug


def _meter(meter: str, days: list[DayTotal], site: str | None) -> dict[str, Any]:
    of_site = {"site": site} if site else {}

    def link(day: str) -> str:
        return f"/v1/usage/measurements?{urlencode({'meter': meter, **of_site, 'from': day, 'to': day})}"

    by_day = [
        {"day": each.day, "quantity": each.total, "count": each.measurements, "measurements": link(each.day)}
        for each in days
    ]
    return {
        "meter": meter,
        "unit": unit_of(meter),
        "total": sum(each.total for each in days),
        "by_day": by_day,
    }


def _said(each: Measurement) -> Any:
    same = {name: getattr(each, name) for name in MeasurementAnswer.model_fields if hasattr(each, name)}
    answer = MeasurementAnswer(**same, deploy=each.deploy_id, cause=each.cause_event_id)
    return answer.model_dump(mode="json")
