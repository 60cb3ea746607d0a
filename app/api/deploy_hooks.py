"""Deploy hooks: making and deleting them, and the addresses by which CI systems deploy without a token."""

from typing import Any

from flask import Response, current_app, g
from pydantic import BaseModel, Field

from app.api.auth import RANKS, Asker, require_site, scope
from app.api.commands import Answer, Repeatable, perform, secret_for
from app.api.deploys import DeployAnswer, deploy_upload
from app.api.errors import body_problems, problems
from app.api.paging import Listed, Page, listed
from app.api.requests import Moment, Text
from app.api.sites import SitePath
from app.api.uploads import BODY
from app.api.v1 import entrance, v1
from app.commands.hooks import create_deploy_hook, delete_deploy_hook
from app.engine import reading
from app.errors import NotFound
from app.models import credentials, hooks
from app.models.hooks import DeployHook
from app.signals.deploys import Trigger

TAGS: Any = [{"name": "Deploy hooks", "description": "Secret addresses for CI systems."}]


class HookPath(BaseModel):
    """Which deploy hook of which site."""

    slug: Text
    id: Text


class SecretPath(BaseModel):
    """The secret of a deploy hook."""

    secret: Text


class NewHook(BaseModel):
    """A deploy hook to be made. The name is for people."""

    name: Text = Field("CI", json_schema_extra={"minLength": 1, "maxLength": 200})


class HookAnswer(BaseModel):
    """A deploy hook, without its address."""

    id: str
    site: str
    name: str
    created_at: Moment


class NewHookAnswer(HookAnswer):
    """A deploy hook with its address, which is shown this once and to repeats while the hook is there."""

    url: str | None


class HookList(Listed):
    """A site's deploy hooks, newest first."""

    items: list[HookAnswer]


def _said(hook: DeployHook) -> Any:
    answer = HookAnswer(id=hook.id, site=hook.site, name=hook.name, created_at=hook.created_at)
    return answer.model_dump(mode="json")


@v1.get("/sites/<slug>/deploy-hooks", tags=TAGS, responses={200: HookList, **problems(404)})
@scope("read")
def list_hooks(path: SitePath, query: Page) -> Any:
    """A site's deploy hooks, newest first; their addresses are not known any more."""
    site = require_site(path.slug)
    with reading() as db:
        rows = [hook for hook in hooks.of_site(db, site.id) if query.after is None or hook.id < query.after]
    return listed(rows, query.limit, _said, lambda hook: hook.id)


@v1.post("/sites/<slug>/deploy-hooks", tags=TAGS, responses={201: NewHookAnswer, **body_problems(404)})
@scope("admin")
def make_hook(path: SitePath, header: Repeatable, body: NewHook) -> Response:
    """Make a deploy hook. Its address is in this answer and nowhere else."""
    require_site(path.slug)

    def work(log: Any) -> Answer:
        hook, _ = create_deploy_hook(log, path.slug, body.name, secret_for)
        return Answer(_said(hook), 201)

    return perform(work, header, body.model_dump(), _with_url)


def _with_url(body: Any) -> Any:
    secret = secret_for(body["id"])
    with reading() as db:
        owner = credentials.owner_of(db, credentials.DEPLOY_HOOK, credentials.digest_of(secret))
    url = f"{current_app.config['PUBLIC_URL']}/hooks/deploy/{secret}"
    return body | {"url": url if owner == body["id"] else None}


@v1.delete("/sites/<slug>/deploy-hooks/<id>", tags=TAGS, responses={204: None, **problems(404)})
@scope("admin")
def remove_hook(path: HookPath) -> Response:
    """Delete a deploy hook: its address answers no longer."""
    require_site(path.slug)

    def work(log: Any) -> Answer:
        delete_deploy_hook(log, path.slug, path.id)
        return Answer(None, 204)

    return perform(work)


@entrance.post(
    "/hooks/deploy/<secret>",
    tags=TAGS,
    request_body=BODY,
    responses={202: DeployAnswer, **body_problems(404, 422, 429, 503)},
)
def deploy_by_hook(path: SecretPath, header: Repeatable) -> Response:
    """Deploy an archive to the hook's site. The secret address is all that it takes."""
    with reading() as db:
        hook = hooks.by_digest(db, credentials.digest_of(path.secret))
    if hook is None:
        hint = "It may have been deleted. Make a new one."
        raise NotFound("deploy_hook_not_found", "There is no such deploy hook.", hint)
    g.asker = Asker(f"hook:{hook.id}", hook.id, RANKS["deploy"], hook.site_id)
    return deploy_upload(hook.site, Trigger(kind="hook", ref=hook.id), header)
