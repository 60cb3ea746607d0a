"""Making, naming and deleting sites."""

import re

from app.commands.cancel import end_deploy
from app.commands.leftovers import remove_all
from app.commands.names import checked_name
from app.dns.records import Ours
from app.engine import Recording, new_id
from app.errors import Conflict, InvalidInput
from app.models import credentials, deploys, hooks, sites
from app.models.sites import Site
from app.signals.sites import SiteCreated, SiteDeleted, SiteUpdated, site_stream

#: Labels that mean something else to people or to the gateway.
RESERVED = frozenset({"api", "ipfs", "ipns", "localhost", "www"})

#: An installation of which nothing is known.
UNKNOWN = Ours(gateway="")

_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def create_site(log: Recording, slug: str, name: str | None = None) -> Site:
    """Make a site. InvalidInput `slug_invalid` or `name_invalid`, Conflict `slug_taken`."""
    _check_slug(slug)
    name = slug if name is None else checked_name(name, "a site")
    site_id = new_id()
    log.lock(site_stream(site_id), _slug_lock(slug))
    if sites.by_slug(log.db, slug):
        raise Conflict(
            "slug_taken", f"There is a site called {slug} already.", "Choose another slug, or deploy to it."
        )
    log.record(SiteCreated(site_id=site_id, site=slug, name=name))
    return sites.require(log.db, slug)


def rename_site(log: Recording, slug: str, name: str) -> Site:
    """Give a site another name for people; the slug stays. NotFound, or InvalidInput `name_invalid`."""
    site = locked_site(log, slug)
    name = checked_name(name, "a site")
    if name != site.name:
        log.record(SiteUpdated(site_id=site.id, site=slug, changed={"name": (site.name, name)}))
    return sites.require(log.db, slug)


def delete_site(log: Recording, slug: str, ours: Ours = UNKNOWN) -> None:
    """Stop serving a site and free its slug; deploys under way are cancelled, hooks and host names are gone.

    By `ours` it is told which records of host names can be removed. NotFound.
    """
    found = sites.require(log.db, slug)
    log.lock(found.stream, _slug_lock(slug))
    site = sites.require(log.db, slug)
    for hook in hooks.of_site(log.db, site.id):
        credentials.forget(log.db, credentials.DEPLOY_HOOK, hook.id)
    remove_all(log, site, ours)
    log.record(SiteDeleted(site_id=site.id, site=slug))
    for deploy in deploys.underway_of_site(log.db, site.id):
        end_deploy(log, deploy)


def locked_site(log: Recording, slug: str) -> Site:
    """The site of this slug, its stream locked, read under the lock. NotFound `site_not_found`."""
    log.lock(sites.require(log.db, slug).stream)
    return sites.require(log.db, slug)


def _slug_lock(slug: str) -> str:
    """Two sites of one slug would be made in two streams: both lock this third one, which stays empty."""
    return f"/slugs/{slug}"


def _check_slug(slug: str) -> None:
    if not _SLUG.fullmatch(slug) or slug.startswith("xn--"):
        raise InvalidInput(
            "slug_invalid",
            f"{slug[:80]!r} cannot be a slug: it becomes a host name.",
            "Use 1 to 63 of a-z, 0-9 and hyphens, no hyphen at either end, and not xn-- in front.",
        )
    if slug in RESERVED:
        raise InvalidInput(
            "slug_invalid", f"{slug} is a reserved name.", f"Reserved are {', '.join(sorted(RESERVED))}."
        )
