"""Tokens: `/v1/tokens`. A token bound to a site sees, makes and revokes only tokens of that site."""

from typing import Any

from flask import Response
from pydantic import BaseModel, Field

from app.api.auth import another_site, asker, scope
from app.api.commands import Answer, Repeatable, perform, secret_for
from app.api.errors import body_problems, problems
from app.api.paging import Listed, Page, listed
from app.api.requests import Moment, Text
from app.api.v1 import v1
from app.commands.tokens import create_token, revoke_token
from app.engine import reading
from app.models import credentials, sites, tokens
from app.models.tokens import Token
from app.signals.tokens import Scope

TAGS: Any = [{"name": "Tokens", "description": "By which people and machines prove who they are."}]


class TokenPath(BaseModel):
    """Which token."""

    id: Text


class NewToken(BaseModel):
    """A token to be made. Each scope includes those before it: read, deploy, admin."""

    name: Text = Field(json_schema_extra={"minLength": 1, "maxLength": 200})
    scopes: list[Scope] = Field(min_length=1, max_length=3)
    site: Text | None = Field(None, description="The slug of the one site that it is good for.")


class TokenAnswer(BaseModel):
    """A token, without its secret."""

    id: str
    name: str
    scopes: list[str]
    site: str | None
    created_at: Moment


class NewTokenAnswer(TokenAnswer):
    """A token with its secret as `token`, which is shown this once and to repeats until it is revoked."""

    token: str | None


class TokenList(Listed):
    """Tokens in force, newest first."""

    items: list[TokenAnswer]


def _said(token: Token) -> Any:
    same = {name: getattr(token, name) for name in TokenAnswer.model_fields}
    return TokenAnswer(**same).model_dump(mode="json")


@v1.get("/tokens", tags=TAGS, responses={200: TokenList})
@scope("admin")
def list_tokens(query: Page) -> Any:
    """Tokens in force, newest first."""
    with reading() as db:
        rows = tokens.page(db, query.limit + 1, query.after, site_id=asker().site_id)
    return listed(rows, query.limit, _said, lambda token: token.id)


@v1.post("/tokens", tags=TAGS, responses={201: NewTokenAnswer, **body_problems(404)})
@scope("admin")
def make_token(header: Repeatable, body: NewToken) -> Response:
    """Make a token. Its secret is in this answer and nowhere else."""

    def work(log: Any) -> Answer:
        bound = sites.require(log.db, body.site) if body.site else None
        if asker().site_id and (bound is None or bound.id != asker().site_id):
            raise another_site()
        token, _ = create_token(log, body.name, body.scopes, body.site, secret_for)
        return Answer(_said(token), 201, f"/v1/tokens/{token.id}")

    return perform(work, header, body.model_dump(), _with_secret)


def _with_secret(body: Any) -> Any:
    secret = f"ap_{secret_for(body['id'])}"
    with reading() as db:
        owner = credentials.owner_of(db, credentials.TOKEN, credentials.digest_of(secret))
    return body | {"token": secret if owner == body["id"] else None}


@v1.delete("/tokens/<id>", tags=TAGS, responses={204: None, **problems(404)})
@scope("admin")
def remove_token(path: TokenPath) -> Response:
    """Revoke a token: it is good for nothing from now on. Twice is harmless."""

    def work(log: Any) -> Answer:
        token = tokens.require(log.db, path.id)
        if asker().site_id not in (None, token.site_id):
            raise another_site()
        revoke_token(log, path.id)
        return Answer(None, 204)

    return perform(work)
