"""Sites: `/v1/sites`."""

from typing import Any

from flask import Response, current_app
from pydantic import BaseModel, Field

from app.api.auth import another_site, asker, require_site, scope
from app.api.commands import Answer, Repeatable, perform
from app.api.errors import body_problems, problems
from app.api.hostnames import ours
from app.api.paging import Listed, Page, listed
from app.api.requests import Moment, Text
from app.api.v1 import v1
from app.commands.sites import create_site, delete_site, rename_site
from app.engine import reading
from app.models import sites
from app.models.sites import Site
from config import addresses

TAGS: Any = [{"name": "Sites", "description": "What is served, and under which name."}]
SLUG = {"pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"}


class SitePath(BaseModel):
    """Which site."""

    slug: Text


class NewSite(BaseModel):
    """A site to be made. The slug becomes a host name; the name is for people."""

    slug: Text = Field(json_schema_extra={**SLUG, "examples": ["hello"]})
    name: Text | None = None


class SiteChange(BaseModel):
    """What is to be different."""

    name: Text = Field(json_schema_extra={"minLength": 1, "maxLength": 200})


class SiteAnswer(BaseModel):
    """A site. `live_deploy` and `live_cid` are what it serves now.

    While it is `locked`, no new deploys are taken on; while it is `paused`, visitors get nothing of it.
    `gates` says who closed which of the two, why, and since when.
    """

    slug: str
    name: str
    url: str
    live_deploy: str | None
    live_cid: str | None
    locked: bool
    paused: bool
    gates: dict[str, dict[str, str | None]]
    created_at: Moment


class SiteList(Listed):
    """Sites, newest first."""

    items: list[SiteAnswer]


def url_of(slug: str) -> str:
    """Where a site is served."""
    return addresses.under(current_app.config["GATEWAY_URL"], slug)


def said(site: Site) -> Any:
    """A site in plain JSON values."""
    gates = {"lock": site.locked, "pause": site.paused}
    answer = SiteAnswer(
        slug=site.slug,
        name=site.name,
        url=url_of(site.slug),
        live_deploy=site.live_deploy_id,
        live_cid=site.live_cid,
        locked=site.locked is not None,
        paused=site.paused is not None,
        gates={name: gate for name, gate in gates.items() if gate},
        created_at=site.created_at,
    )
    return answer.model_dump(mode="json")


@v1.get("/sites", tags=TAGS, responses={200: SiteList})
@scope("read")
def list_sites(query: Page) -> Any:
    """All sites, newest first."""
    with reading() as db:
        rows = sites.page(db, query.limit + 1, query.after, only=asker().site_id)
    return listed(rows, query.limit, said, lambda site: site.id)


@v1.post("/sites", tags=TAGS, responses={201: SiteAnswer, **body_problems(409)})
@scope("admin")
def make_site(header: Repeatable, body: NewSite) -> Response:
    """Make a site. It serves nothing until its first deploy."""
    if asker().site_id:
        raise another_site()

    def work(log: Any) -> Answer:
        site = create_site(log, body.slug, body.name)
        return Answer(said(site), 201, f"/v1/sites/{site.slug}")

    return perform(work, header, body.model_dump())


@v1.get("/sites/<slug>", tags=TAGS, responses={200: SiteAnswer, **problems(404)})
@scope("read")
def show_site(path: SitePath) -> Any:
    """One site."""
    return said(require_site(path.slug))


@v1.patch("/sites/<slug>", tags=TAGS, responses={200: SiteAnswer, **body_problems(404)})
@scope("admin")
def change_site(path: SitePath, body: SiteChange) -> Response:
    """Give a site another name for people; the slug stays."""
    require_site(path.slug)
    return perform(lambda log: Answer(said(rename_site(log, path.slug, body.name))))


@v1.delete("/sites/<slug>", tags=TAGS, responses={204: None, **problems(404)})
@scope("admin")
def remove_site(path: SitePath) -> Response:
    """Delete a site: it is served no longer, its slug is free, deploys under way are cancelled."""
    require_site(path.slug)

    def work(log: Any) -> Answer:
        delete_site(log, path.slug, ours())
        return Answer(None, 204)

    return perform(work)
