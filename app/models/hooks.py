"""Deploy hooks: which there are. Their secrets are in `credentials`."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, String, Table, delete, insert, select

from app.engine import Timestamp, fold, folded, metadata
from app.errors import NotFound
from app.models.credentials import DEPLOY_HOOK, owner_of
from app.models.rows import one
from app.signals.hooks import DeployHookCreated, DeployHookDeleted
from app.signals.sites import SiteDeleted

deploy_hooks = folded(
    Table(
        "deploy_hooks",
        metadata,
        Column("id", String(36), primary_key=True),
        Column("stream", String(200), nullable=False),
        Column("site_id", String(36), nullable=False, index=True),
        Column("site", String(63), nullable=False),
        Column("name", String(200), nullable=False),
        Column("created_at", Timestamp(), nullable=False),
    )
)


@dataclass(frozen=True, slots=True)
class DeployHook:
    """One row of `deploy_hooks`."""

    id: str
    stream: str
    site_id: str
    site: str
    name: str
    created_at: datetime


def get(db: Connection, hook_id: str) -> DeployHook | None:
    """A hook by its id."""
    return one(db, DeployHook, select(deploy_hooks).where(deploy_hooks.c.id == hook_id))


def by_digest(db: Connection, digest: str) -> DeployHook | None:
    """The hook whose secret has this digest."""
    owner = owner_of(db, DEPLOY_HOOK, digest)
    return None if owner is None else get(db, owner)


def require(db: Connection, site_id: str, hook_id: str) -> DeployHook:
    """A hook of this site. Raises NotFound `deploy_hook_not_found`."""
    hook = get(db, hook_id)
    if hook is None or hook.site_id != site_id:
        raise NotFound(
            "deploy_hook_not_found", f"The site has no deploy hook {hook_id[:80]}.", "See the site's hooks."
        )
    return hook


def of_site(db: Connection, site_id: str) -> list[DeployHook]:
    """A site's hooks, newest first."""
    query = select(deploy_hooks).where(deploy_hooks.c.site_id == site_id).order_by(deploy_hooks.c.id.desc())
    return [DeployHook(*row) for row in db.execute(query)]


@fold(DeployHookCreated)
def create(db: Connection, event: DeployHookCreated) -> None:
    """A hook is made."""
    db.execute(
        insert(deploy_hooks).values(
            id=event.hook_id,
            stream=event.recorded.stream,
            site_id=event.site_id,
            site=event.site,
            name=event.name,
            created_at=event.recorded.time,
        )
    )


@fold(DeployHookDeleted)
def remove(db: Connection, event: DeployHookDeleted) -> None:
    """A hook is gone."""
    db.execute(delete(deploy_hooks).where(deploy_hooks.c.id == event.hook_id))


@fold(SiteDeleted)
def remove_all(db: Connection, event: SiteDeleted) -> None:
    """A deleted site has no hooks."""
    db.execute(delete(deploy_hooks).where(deploy_hooks.c.site_id == event.site_id))
