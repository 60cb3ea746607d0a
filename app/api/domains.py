"""Host names of sites: `/v1/sites/{slug}/domains` and `/v1/domains/{hostname}`, and what a proxy asks."""

from typing import Any

from flask import Response
from pydantic import BaseModel, Field

from app.api.auth import check_change, check_stream, require_site, scope
from app.api.commands import Answer, Repeatable, perform
from app.api.errors import body_problems, problems
from app.api.hostnames import DomainAnswer, ours, said
from app.api.requests import Text, is_storable
from app.api.sites import SitePath
from app.api.v1 import entrance, v1
from app.commands.domains import add_domain, remove_domain, verify_domain
from app.dns.names import host_name
from app.engine import reading
from app.errors import NotFound
from app.models import certificates, dnslinks, domains, setups
from app.models.setups import Setup

TAGS: Any = [{"name": "Domains", "description": "Host names, and how far their set-up is."}]


class DomainPath(BaseModel):
    """Which host name, in any spelling."""

    hostname: Text


class NewDomain(BaseModel):
    """A host name that is to lead to the site."""

    hostname: Text = Field(max_length=1000, examples=["docs.example.com"])


class DomainList(BaseModel):
    """The host names of a site, by name."""

    items: list[DomainAnswer]


class RemovedAnswer(BaseModel):
    """The `records` that its owner can remove from DNS now, and those in our own zone, which we clear."""

    records: list[dict[str, str]]
    records_to_clean: list[dict[str, Any]]


class Asked(BaseModel):
    """The host name that a certificate is wanted for."""

    domain: str = Field(max_length=1000)


class ServedAnswer(BaseModel):
    """The site that is served under a host name."""

    domain: str
    site: str


def _of(path: DomainPath) -> Setup:
    with reading() as db:
        found = setups.require(db, host_name(path.hostname).ascii)
    check_stream(found.stream)
    return found


def _said(db: Any, setup: Setup) -> Any:
    return said(setup, certificates.get(db, setup.id), dnslinks.get(db, setup.id))


@v1.get("/sites/<slug>/domains", tags=TAGS, responses={200: DomainList, **problems(404)})
@scope("read")
def list_domains(path: SitePath) -> Any:
    """The host names of a site that are people's own."""
    site = require_site(path.slug)
    with reading() as db:
        return {"items": [_said(db, each) for each in setups.of_site(db, site.id)]}


@v1.post("/sites/<slug>/domains", tags=TAGS, responses={201: DomainAnswer, **body_problems(404, 409)})
@scope("admin")
def make_domain(path: SitePath, header: Repeatable, body: NewDomain) -> Response:
    """Give a site a host name. Its records are looked at from now on; again the same changes nothing."""

    check_change(require_site(path.slug).stream)

    def work(log: Any) -> Answer:
        setup = add_domain(log, path.slug, body.hostname, ours())
        return Answer(_said(log.db, setup), 201, f"/v1/domains/{setup.hostname}")

    return perform(work, header, body.model_dump())


@v1.get("/domains/<hostname>", tags=TAGS, responses={200: DomainAnswer, **problems(404)})
@scope("read")
def show_domain(path: DomainPath) -> Any:
    """A host name, its records, what is wrong with them, and what to do."""
    found = _of(path)
    with reading() as db:
        return _said(db, found)


@v1.post("/domains/<hostname>/verify", tags=TAGS, responses={202: DomainAnswer, **problems(404)})
@scope("admin")
def look_now(path: DomainPath, header: Repeatable) -> Response:
    """Look at a name's records now, instead of at its next time."""
    setup = _of(path)
    check_change(setup.stream)
    return perform(lambda log: Answer(_said(log.db, verify_domain(log, setup)), 202), header)


@v1.delete("/domains/<hostname>", tags=TAGS, responses={200: RemovedAnswer, **problems(404)})
@scope("admin")
def drop_domain(path: DomainPath) -> Response:
    """Let a name lead to its site no more. The answer lists the records that can be removed."""
    setup = _of(path)
    check_change(setup.stream)

    def work(log: Any) -> Answer:
        told = remove_domain(log, setup, ours())
        return Answer(told.model_dump(mode="json", include=set(RemovedAnswer.model_fields)))

    return perform(work)


@entrance.get("/v1/tls/ask", tags=TAGS, responses={200: ServedAnswer, **problems(404, 422, 503)})
def ask(query: Asked) -> Any:
    """Whether a proxy in front may get a certificate for a host name: 200, or 404. For Caddy's `ask`."""
    name = query.domain.lower().rstrip(".")
    with reading() as db:
        served = domains.live_at(db, name) if is_storable(name) else None
    if served is None:
        what = f"No site is served under {name[:253]}."
        raise NotFound("domain_not_served", what, "Add the name to a site and set it up: flask domains add.")
    return {"domain": name, "site": served}
