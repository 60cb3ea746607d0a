"""The gates of a site: `/v1/sites/{slug}/lock` for new deploys, `/v1/sites/{slug}/pause` for its visitors."""

from typing import Any

from flask import Response
from pydantic import BaseModel, Field

from app.api.auth import check_everywhere, require_site, scope
from app.api.commands import Answer, perform
from app.api.errors import body_problems, problems
from app.api.requests import Text
from app.api.sites import TAGS, SiteAnswer, SitePath, said
from app.api.v1 import v1
from app.commands.gates import LONGEST, Gate, close_gate, open_gate


class Closing(BaseModel):
    """Why a gate is closed: kept and shown."""

    reason: Text = Field("", max_length=LONGEST)


@v1.put("/sites/<slug>/lock", tags=TAGS, responses={200: SiteAnswer, **body_problems(404)})
@scope("admin")
def lock_site(path: SitePath, body: Closing) -> Response:
    """Refuse new deploys of a site. Those under way go on, what is live stays, and going back is possible."""
    return _closed(path.slug, "locked", body.reason)


@v1.delete("/sites/<slug>/lock", tags=TAGS, responses={204: None, **problems(404)})
@scope("admin")
def unlock_site(path: SitePath) -> Response:
    """Take on deploys of a site again, whatever closed it: what a quota has closed needs an unbound token."""
    return _opened(path.slug, "locked")


@v1.put("/sites/<slug>/pause", tags=TAGS, responses={200: SiteAnswer, **body_problems(404)})
@scope("admin")
def pause_site(path: SitePath, body: Closing) -> Response:
    """Serve nothing of a site: visitors are answered 503, with a page that says so."""
    return _closed(path.slug, "paused", body.reason)


@v1.delete("/sites/<slug>/pause", tags=TAGS, responses={204: None, **problems(404)})
@scope("admin")
def resume_site(path: SitePath) -> Response:
    """Serve a site again, whatever paused it: what a quota has paused needs an unbound token."""
    return _opened(path.slug, "paused")


def _closed(slug: str, gate: Gate, reason: str) -> Response:
    _check(slug, gate)
    return perform(lambda log: Answer(said(close_gate(log, slug, gate, reason))))


def _opened(slug: str, gate: Gate) -> Response:
    _check(slug, gate)

    def work(log: Any) -> Answer:
        open_gate(log, slug, gate)
        return Answer(None, 204)

    return perform(work)


def _check(slug: str, gate: Gate) -> None:
    """Forbidden for a token of one site when a quota holds the gate: it would lift its own limit."""
    closed = getattr(require_site(slug), gate)
    if closed and closed["quota_id"]:
        check_everywhere()
