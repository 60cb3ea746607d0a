"""Deploys: listing and showing them, asking for one, and going back to an earlier one."""

from dataclasses import asdict
from typing import Any

from flask import Response, current_app, request
from pydantic import BaseModel, Field

from app.api.auth import asker, check_stream, require_site, scope
from app.api.backlog import refuse_when_full
from app.api.commands import Answer, Repeatable, perform
from app.api.errors import body_problems, problems
from app.api.paging import Listed, Page, Place, listed
from app.api.requests import Moment, Text
from app.api.sites import SitePath, url_of
from app.api.uploads import BODY, Upload, noted
from app.api.v1 import v1
from app.commands.cancel import cancel_deploy
from app.commands.deploys import start_deploy
from app.commands.rollback import roll_back
from app.content.members import Limits
from app.engine import reading
from app.models import deploys
from app.models.deploys import Deploy
from app.signals.deploys import Trigger

TAGS: Any = [{"name": "Deploys", "description": "Versions of a site, on their way and live."}]


class DeployPath(BaseModel):
    """Which deploy."""

    id: Text


class DeployPage(Page):
    """The part of a site's deploys that is asked for."""

    after: Place | None = Field(None, description="The `next` of the answer before.")


class Wish(BaseModel):
    """Which deploy to go back to: by default the one before. The reason is kept and shown."""

    deploy: Text | None = None
    reason: Text | None = Field(None, max_length=500)


class DeployAnswer(BaseModel):
    """A deploy. `number` counts what was wished for its site, so of two the higher one is wanted.

    `url` is the site's address, `preview_url` that of this very content. `partial` says that it is live but
    that some `targets` are missing; `failure` why it was not published.
    """

    id: str
    site: str
    number: int
    status: str
    flow: str
    cid: str | None
    files: int | None
    bytes: int | None
    ref: str | None
    commit: str | None
    message: str | None
    trigger: dict[str, Any]
    partial: bool
    warnings: list[dict[str, Any]]
    failure: dict[str, Any] | None
    targets: list[dict[str, Any]]
    created_at: Moment
    published_at: Moment | None
    completed_at: Moment | None
    url: str
    preview_url: str | None


class DeployList(Listed):
    """Deploys, newest first."""

    items: list[DeployAnswer]


_SAME = set(DeployAnswer.model_fields) - {"url", "preview_url"}


def _said(deploy: Deploy) -> Any:
    preview = f"{current_app.config['GATEWAY_URL']}/ipfs/{deploy.cid}/" if deploy.cid else None
    same = {name: getattr(deploy, name) for name in _SAME}
    return DeployAnswer(url=url_of(deploy.site), preview_url=preview, **same).model_dump(mode="json")


@v1.get("/sites/<slug>/deploys", tags=TAGS, responses={200: DeployList, **problems(404)})
@scope("read")
def list_deploys(path: SitePath, query: DeployPage) -> Any:
    """A site's deploys, newest first."""
    site = require_site(path.slug)
    with reading() as db:
        rows = deploys.page(db, site.id, query.limit + 1, int(query.after) if query.after else None)
    return listed(rows, query.limit, _said, lambda deploy: deploy.number)


@v1.get("/deploys/<id>", tags=TAGS, responses={200: DeployAnswer, **problems(404)})
@scope("read")
def show_deploy(path: DeployPath) -> Any:
    """One deploy."""
    with reading() as db:
        deploy = deploys.require(db, path.id)
    check_stream(deploy.stream)
    return _said(deploy)


@v1.post("/deploys/<id>/cancel", tags=TAGS, responses={202: DeployAnswer, **problems(404, 409)})
@scope("deploy")
def end_deploy(path: DeployPath, header: Repeatable) -> Response:
    """Cancel a deploy that is not published yet; a repeat is harmless.

    What is at work has half a minute to end by itself. `site.deploy.cancelled` says when nothing is any more.
    """
    with reading() as db:
        check_stream(deploys.require(db, path.id).stream)
    location = f"/v1/deploys/{path.id}"
    return perform(lambda log: Answer(_said(cancel_deploy(log, path.id)), 202, location), header)


@v1.post(
    "/sites/<slug>/deploys",
    tags=TAGS,
    request_body=BODY,
    responses={202: DeployAnswer, **body_problems(404, 429)},
)
@scope("deploy")
def make_deploy(path: SitePath, header: Repeatable) -> Response:
    """Deploy an archive. The answer comes when it has been received and looked into."""
    site = require_site(path.slug)
    by_hand = asker().actor.startswith("cli:")
    return deploy_upload(site.slug, Trigger(kind="cli" if by_hand else "api"), header)


def deploy_upload(slug: str, trigger: Trigger, header: Repeatable) -> Response:
    """Take in the archive of this request and ask for its deploy; a refusal is recorded for the site."""
    refuse_when_full(header)
    config = current_app.config
    limits = Limits(config["MAX_SITE_FILES"], config["MAX_SITE_BYTES"], config["MAX_BOMB_RATIO"])
    with Upload(current_app.extensions["spool"], config["MAX_UPLOAD_BYTES"]) as upload:
        with noted(slug):
            spooled = upload.read(request)
            source = upload.inspect(spooled, limits)

        def work(log: Any) -> Answer:
            deploy = start_deploy(log, slug, source, trigger, upload.version)
            upload.keep()
            return Answer(_said(deploy), 202, f"/v1/deploys/{deploy.id}")

        return perform(work, header, {**asdict(upload.version), "sha256": spooled.sha256})


@v1.post("/sites/<slug>/rollback", tags=TAGS, responses={202: DeployAnswer, **body_problems(404, 409, 429)})
@scope("deploy")
def go_back(path: SitePath, header: Repeatable, body: Wish) -> Response:
    """Serve an earlier deploy again. The answer is that deploy, with the `flow` of the rollback."""
    require_site(path.slug)
    refuse_when_full(header)

    def work(log: Any) -> Answer:
        deploy = roll_back(log, path.slug, body.deploy, body.reason)
        flow = log.origin.event.flow
        return Answer(_said(deploy) | {"flow": flow}, 202, f"/v1/flows/{flow}")

    return perform(work, header, body.model_dump())
