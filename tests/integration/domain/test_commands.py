"""What people may ask, and every refusal: a refusal records nothing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from app.commands import deploys as deploy_commands
from app.commands.deploys import Version, refuse_upload, start_deploy
from app.commands.hooks import create_deploy_hook, delete_deploy_hook
from app.commands.integrity import report_integrity_failure
from app.commands.rollback import roll_back
from app.commands.sites import create_site, delete_site, rename_site
from app.commands.tokens import create_token, revoke_token
from app.engine import Failure, Recording, log, reading, recording
from app.engine.rebuild import verify
from app.errors import Conflict, InvalidInput, NotFound, PlatformError, RetryableError
from app.models import credentials, hooks, integrity, sites, tokens
from app.signals.deploys import Trigger
from app.signals.storage import IntegrityFailed, IntegrityRestored
from tests.fixtures.simulation import Simulation
from tests.integration.domain.running import Platform
from tests.integration.domain.stories import SOURCE, bring, make_site, the_site

DIGEST = "ab" * 32


def ask(command: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with recording(actor="token:t1") as work:
        return command(work, *args, **kwargs)


def types() -> list[str]:
    log.catch_up()
    with reading() as db:
        return [event.type for event in log.read(db)]


def refused(
    kind: type[PlatformError], code: str, command: Callable[..., Any], *args: Any, **kwargs: Any
) -> None:
    before = types()
    with pytest.raises(kind) as raised:
        ask(command, *args, **kwargs)
    assert raised.value.code == code
    assert raised.value.message
    assert raised.value.hint
    assert types() == before


def test_a_new_site_serves_nothing_and_is_called_as_its_slug(engine: Engine) -> None:
    site = ask(create_site, "hello")
    assert (site.slug, site.name, site.live_cid, site.intent) == ("hello", "hello", None, 0)
    assert types() == ["site.created"]
    assert ask(create_site, "other", "  Our shop ").name == "Our shop"


@pytest.mark.parametrize("slug", ["a", "0", "a" * 63, "a-b", "a--b", "1st", "apis", "www2"])
def test_any_host_name_label_is_a_slug(engine: Engine, slug: str) -> None:
    assert ask(create_site, slug).slug == slug


BAD_SLUGS = [
    "",
    "-a",
    "a-",
    "A",
    "a.b",
    "a_b",
    "a b",
    "a" * 64,
    "é",
    "xn--bcher-kva",
    "a\n",
    "www",
    "api",
    "ipfs",
]


@pytest.mark.parametrize("slug", BAD_SLUGS)
def test_what_cannot_be_a_host_name_is_no_slug(sqlite_database: Engine, slug: str) -> None:
    refused(InvalidInput, "slug_invalid", create_site, slug)


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\nb", "\0"])
def test_what_cannot_be_shown_is_no_name(sqlite_database: Engine, name: str) -> None:
    ask(create_site, "hello")
    refused(InvalidInput, "name_invalid", create_site, "other", name)
    refused(InvalidInput, "name_invalid", rename_site, "hello", name)
    refused(InvalidInput, "name_invalid", create_token, name, ["read"])
    refused(InvalidInput, "name_invalid", create_deploy_hook, "hello", name)


def test_a_slug_is_taken_until_its_site_is_deleted(engine: Engine) -> None:
    first = ask(create_site, "hello")
    refused(Conflict, "slug_taken", create_site, "hello")
    ask(delete_site, "hello")
    second = ask(create_site, "hello")
    assert second.id != first.id
    assert not verify()


def test_nothing_can_be_asked_of_a_site_that_is_not_there(engine: Engine) -> None:
    ask(create_site, "gone")
    ask(delete_site, "gone")
    for slug in ("gone", "never"):
        refused(NotFound, "site_not_found", rename_site, slug, "Name")
        refused(NotFound, "site_not_found", delete_site, slug)
        refused(NotFound, "site_not_found", start_deploy, slug, SOURCE, Trigger(kind="api"))
        refused(NotFound, "site_not_found", refuse_upload, slug, InvalidInput("x", "y", "z"))
        refused(NotFound, "site_not_found", roll_back, slug)
        refused(NotFound, "site_not_found", create_deploy_hook, slug, "CI")
        refused(NotFound, "site_not_found", delete_deploy_hook, slug, "h1")
        refused(NotFound, "site_not_found", create_token, "CI", ["deploy"], site=slug)


def test_a_site_is_renamed_and_the_same_name_is_no_news(engine: Engine) -> None:
    ask(create_site, "hello")
    assert ask(rename_site, "hello", "Hello").name == "Hello"
    assert ask(rename_site, "hello", " Hello ").name == "Hello"
    assert types() == ["site.created", "site.updated"]


def test_sites_are_listed_newest_first_page_by_page(engine: Engine) -> None:
    made = [ask(create_site, f"site-{number}") for number in range(5)]
    ask(delete_site, "site-3")
    with reading() as db:
        first = sites.page(db, 2)
        second = sites.page(db, 2, after=first[-1].id)
        rest = sites.page(db, 2, after=second[-1].id)
        one = sites.page(db, 2, only=made[1].id)
    assert [site.slug for site in (*first, *second, *rest)] == ["site-4", "site-2", "site-1", "site-0"]
    assert [site.slug for site in one] == ["site-1"]


def test_deploys_draw_rising_numbers(engine: Engine) -> None:
    ask(create_site, "hello")
    version = Version(ref="main", commit="c0ffee", message="First")
    first = ask(start_deploy, "hello", SOURCE, Trigger(kind="api"), version)
    second = ask(start_deploy, "hello", SOURCE, Trigger(kind="hook", ref="h1"))
    assert (first.number, first.status, first.ref, first.commit, first.message) == (
        1, "requested", "main", "c0ffee", "First",
    )  # fmt: skip
    assert (second.number, second.trigger) == (2, {"kind": "hook", "ref": "h1"})
    with reading() as db:
        requested = log.read_flow(db, first.flow)[0]
    assert (requested.label, requested.data["requested_by"], requested.cause) == (
        "hello #1",
        "token:t1",
        None,
    )


@pytest.mark.parametrize(("field", "longest"), deploy_commands.LONGEST.items())
def test_what_is_said_about_a_version_has_a_length(sqlite_database: Engine, field: str, longest: int) -> None:
    ask(create_site, "hello")
    said = Version(**{field: "x" * (longest + 1)})
    refused(InvalidInput, "version_invalid", start_deploy, "hello", SOURCE, Trigger(kind="api"), said)
    ask(start_deploy, "hello", SOURCE, Trigger(kind="api"), Version(**{field: "x" * longest}))


def test_a_refused_upload_is_a_failed_flow_without_a_deploy(platform: Platform) -> None:
    ask(
        refuse_upload,
        "hello",
        InvalidInput("archive_empty", "It is empty.", "Fill it.", evidence={"size": 0}),
    )
    ask(refuse_upload, "hello", RetryableError("connection_reset", "It was cut off.", "Send it again."))
    platform.drain()
    with reading() as db:
        empty, cut = log.read(db, types=["storage.upload.failed"])
    assert (empty.data["site"], empty.data["deploy_id"], empty.label) == ("hello", None, "hello")
    failure = Failure.model_validate(empty.data["failure"])
    assert (failure.code, failure.stage, failure.retryable, failure.evidence) == (
        "archive_empty", "upload", False, {"size": 0},
    )  # fmt: skip
    assert cut.data["failure"]["retryable"] is True
    assert platform.flow(empty.flow) == ("upload", "failed", 0)


def test_a_rollback_goes_to_the_newest_one_published_before_the_live_one(engine: Engine) -> None:
    make_site()
    bring(1, "live")
    bring(2, "failed")
    bring(3, "live")
    assert ask(roll_back, "hello", reason="broken menu").id == "d1"
    log.catch_up()
    with reading() as db:
        asked = log.read(db, types=["site.deploy.rollback_requested"])[0]
    assert (asked.data["from_deploy_id"], asked.data["intent"], asked.data["reason"]) == (
        "d3",
        4,
        "broken menu",
    )
    assert the_site().intent == 4


def test_a_rollback_needs_somewhere_to_go(engine: Engine) -> None:
    make_site()
    refused(Conflict, "nothing_to_roll_back", roll_back, "hello")
    bring(1, "live")
    refused(Conflict, "nothing_to_roll_back", roll_back, "hello")
    refused(Conflict, "deploy_already_live", roll_back, "hello", "d1")
    refused(NotFound, "deploy_not_found", roll_back, "hello", "d9")
    bring(2, "failed")
    refused(Conflict, "deploy_never_published", roll_back, "hello", "d2")
    ask(create_site, "other")
    refused(NotFound, "deploy_not_found", roll_back, "other", "d1")


def test_a_token_is_known_by_the_digest_of_its_secret_only(engine: Engine) -> None:
    site = ask(create_site, "hello")
    token, secret = ask(create_token, "CI", ["deploy", "read"], site="hello")
    assert secret.startswith("ap_")
    assert (token.scopes, token.site_id, token.site) == (["read", "deploy"], site.id, "hello")
    log.catch_up()
    with reading() as db:
        assert tokens.by_digest(db, credentials.digest_of(secret)) == token
        assert tokens.by_digest(db, credentials.digest_of("ap_guess")) is None
        said = [str(event.data) for event in log.read(db)]
    assert len(said) == 2
    assert all(secret not in data for data in said)


@pytest.mark.parametrize("scopes", [[], ["write"], ["read", "root"]])
def test_a_token_needs_scopes_that_exist(sqlite_database: Engine, scopes: list[str]) -> None:
    refused(InvalidInput, "scopes_invalid", create_token, "CI", scopes)


def test_a_revoked_token_opens_nothing_and_twice_is_harmless(engine: Engine) -> None:
    token, secret = ask(create_token, "CI", ["admin"])
    other, _ = ask(create_token, "Other", ["read"])
    ask(revoke_token, token.id)
    ask(revoke_token, token.id)
    with reading() as db:
        assert tokens.by_digest(db, credentials.digest_of(secret)) is None
        assert tokens.page(db, 10) == [other]
        assert tokens.page(db, 10, after=other.id) == []
    assert types().count("identity.token.revoked") == 1
    refused(NotFound, "token_not_found", revoke_token, "t9")
    assert not verify()


def test_a_deploy_hook_is_known_by_the_digest_of_its_secret_until_it_is_deleted(engine: Engine) -> None:
    ask(create_site, "hello")
    hook, secret = ask(create_deploy_hook, "hello", "CI")
    with reading() as db:
        assert hooks.by_digest(db, credentials.digest_of(secret)) == hook
        assert hooks.of_site(db, hook.site_id) == [hook]
    ask(create_site, "other")
    refused(NotFound, "deploy_hook_not_found", delete_deploy_hook, "other", hook.id)
    ask(delete_deploy_hook, "hello", hook.id)
    refused(NotFound, "deploy_hook_not_found", delete_deploy_hook, "hello", hook.id)
    with reading() as db:
        assert hooks.by_digest(db, credentials.digest_of(secret)) is None
    assert not verify()


def test_the_hooks_of_a_deleted_site_answer_no_longer(engine: Engine) -> None:
    ask(create_site, "hello")
    _, secret = ask(create_deploy_hook, "hello", "CI")
    ask(delete_site, "hello")
    with reading() as db:
        assert hooks.by_digest(db, credentials.digest_of(secret)) is None
        assert credentials.owner_of(db, credentials.DEPLOY_HOOK, credentials.digest_of(secret)) is None


def test_a_lost_block_is_told_once_until_it_is_healthy_again(engine: Engine) -> None:
    failure = Failure(code="blob_missing", stage="read", message="It is gone.")
    problem = IntegrityFailed(digest=DIGEST, cid="bafk", path="/index.html", site="hello", failure=failure)
    assert [ask(report_integrity_failure, problem) for _ in range(3)] == [True, False, False]
    with reading() as db:
        assert integrity.all_broken(db) == {DIGEST}
    with recording("action:storage.upload_artifact") as work:
        work.record(IntegrityRestored(digest=DIGEST))
    with reading() as db:
        assert integrity.all_broken(db) == set()
    assert ask(report_integrity_failure, problem)
    assert types() == ["storage.integrity.failed", "storage.integrity.restored", "storage.integrity.failed"]
    assert not verify()


def test_a_loss_is_told_again_after_a_day(engine: Engine, simulation: Simulation) -> None:
    failure = Failure(code="blob_missing", stage="read", message="It is gone.")
    problem = IntegrityFailed(digest=DIGEST, cid="bafk", failure=failure)
    assert ask(report_integrity_failure, problem)
    simulation.clock.shift(integrity.REMINDER - timedelta(seconds=1))
    assert not ask(report_integrity_failure, problem)
    simulation.clock.shift(timedelta(seconds=1))
    assert ask(report_integrity_failure, problem)
    assert not verify()


def test_a_command_that_raises_afterwards_leaves_nothing_behind(engine: Engine) -> None:
    def and_fail(work: Recording) -> None:
        create_site(work, "hello")
        create_token(work, "CI", ["read"])
        raise InvalidInput("later", "Something else was wrong.", "See there.")

    refused(InvalidInput, "later", and_fail)
    with reading() as db:
        assert sites.by_slug(db, "hello") is None
        assert tokens.page(db, 10) == []
