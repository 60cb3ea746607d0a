"""Reactions that ought to be there and are not: `/v1/coverage`."""

from typing import Any

from pydantic import BaseModel

from app.api.auth import asker, scope
from app.api.events import TAGS
from app.api.paging import Listed, Page, listed
from app.api.requests import Moment
from app.api.v1 import v1
from app.engine import reading, views
from app.engine.views import Gap


class GapAnswer(BaseModel):
    """An event that a listener should have answered and did not, and when a sweep has found that out.

    The listener is `(unknown revision)` when nobody has written down which listeners the event had.
    """

    event: str
    listener: str
    found_at: Moment


class GapList(Listed):
    """Gaps, those of the oldest events first."""

    items: list[GapAnswer]


@v1.get("/coverage", tags=TAGS, responses={200: GapList})
@scope("read")
def list_gaps(query: Page) -> Any:
    """Reactions that ought to be there and are not; the metric `antiphon_coverage_missing` counts them."""
    event, _, listener = (query.after or "").partition("/")
    with reading() as db:
        rows = views.gap_page(db, query.limit + 1, (event, listener), asker().stream)
    return listed(rows, query.limit, _said, lambda gap: f"{gap.event}/{gap.listener}")


def _said(gap: Gap) -> dict[str, Any]:
    return GapAnswer(event=gap.event, listener=gap.listener, found_at=gap.found_at).model_dump(mode="json")
