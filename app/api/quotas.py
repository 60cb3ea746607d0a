"""Quotas: `/v1/quotas`. Who may see a site sees its quotas; only who may do everything changes them."""

from typing import Annotated, Any, Literal

from flask import Response
from pydantic import BaseModel, Field

from app.api.auth import asker, check_everywhere, check_stream, scope
from app.api.commands import Answer, Repeatable, perform
from app.api.errors import body_problems, problems
from app.api.paging import Listed, Page, listed
from app.api.requests import Moment, Text
from app.api.usage import TAGS
from app.api.v1 import v1
from app.commands.quotas import MOST, MOST_THRESHOLDS, Wish, change_quota, delete_quota, set_quota
from app.engine import Recording, now, reading
from app.models import quotas
from app.models.quotas import Quota
from app.signals.usage import METERS, unit_of

Limit = Annotated[int, Field(strict=True, ge=1, le=MOST)]
Thresholds = Annotated[
    list[Annotated[int, Field(strict=True, ge=1, le=100)]], Field(max_length=MOST_THRESHOLDS)
]


class QuotaPath(BaseModel):
    """Which quota."""

    id: Text


class NewQuota(BaseModel):
    """A quota to be made: of one site, or of everything. It stops nothing by itself: configure listeners on
    `usage.threshold_reached`, `usage.quota_exceeded` and `usage.quota_restored`.
    """

    meter: Text = Field(json_schema_extra={"enum": list(METERS)})
    limit: Limit
    window: Literal["day", "month"] = Field(description="Of the calendar, in UTC.")
    site: Text | None = None
    thresholds: Thresholds = Field(default=[80], description="Percent of the limit that are told of.")


class QuotaChange(BaseModel):
    """What is to be different; what is left out stays."""

    limit: Limit | None = None
    thresholds: Thresholds | None = None


class QuotaAnswer(BaseModel):
    """A quota, and what was `used` of it in the window that began on the day `since`.

    `exceeded` says whether `usage.quota_exceeded` was told and `usage.quota_restored` was not since.
    """

    id: str
    meter: str
    unit: str
    limit: int
    window: str
    site: str | None
    thresholds: list[int]
    since: str
    used: int
    percent: int
    exceeded: bool
    created_at: Moment
    changed_at: Moment


class QuotaList(Listed):
    """Quotas, newest first."""

    items: list[QuotaAnswer]


def _said(db: Any, quota: Quota) -> Any:
    same = ("id", "meter", "limit", "window", "site", "thresholds", "exceeded", "created_at", "changed_at")
    at = now()
    used, _ = quotas.used(db, quota, at)
    counted = {"used": used, "percent": used * 100 // quota.limit, "since": quota.began(at)}
    about = {name: getattr(quota, name) for name in same} | counted | {"unit": unit_of(quota.meter)}
    return QuotaAnswer.model_validate(about).model_dump(mode="json")


@v1.get("/quotas", tags=TAGS, responses={200: QuotaList})
@scope("read")
def list_quotas(query: Page) -> Any:
    """Quotas, newest first; to a token of one site those of this site."""
    with reading() as db:
        rows = quotas.page(db, query.limit + 1, query.after, only=asker().site_id)
        return listed(rows, query.limit, lambda quota: _said(db, quota), lambda quota: quota.id)


@v1.post("/quotas", tags=TAGS, responses={201: QuotaAnswer, **body_problems(404, 409)})
@scope("admin")
def make_quota(header: Repeatable, body: NewQuota) -> Response:
    """Allow so much of something in a day or a month. What is crossed by then is told at once."""
    check_everywhere()

    def work(log: Recording) -> Answer:
        meter: Any = body.meter
        quota = set_quota(log, Wish(meter, body.limit, body.window, body.site, body.thresholds))
        return Answer(_said(log.db, quota), 201, f"/v1/quotas/{quota.id}")

    return perform(work, header, body.model_dump())


@v1.get("/quotas/<id>", tags=TAGS, responses={200: QuotaAnswer, **problems(404)})
@scope("read")
def show_quota(path: QuotaPath) -> Any:
    """One quota, and how much of it is used."""
    with reading() as db:
        quota = quotas.require(db, path.id)
        check_stream(quota.stream)
        return _said(db, quota)


@v1.patch("/quotas/<id>", tags=TAGS, responses={200: QuotaAnswer, **body_problems(404)})
@scope("admin")
def alter_quota(path: QuotaPath, body: QuotaChange) -> Response:
    """Allow more or less, or tell at other thresholds. What follows from that is told at once."""
    check_everywhere()
    changes = body.model_dump(exclude_none=True)
    return perform(lambda log: Answer(_said(log.db, change_quota(log, path.id, **changes))))


@v1.delete("/quotas/<id>", tags=TAGS, responses={204: None, **problems(404)})
@scope("admin")
def remove_quota(path: QuotaPath) -> Response:
    """Allow any amount again; what was exceeded is restored."""
    check_everywhere()

    def work(log: Recording) -> Answer:
        delete_quota(log, path.id)
        return Answer(None, 204)

    return perform(work)
