"""The catalogue: every fact says where it belongs, what it is about, and what it means for its flow."""

import importlib
import pkgutil

import pytest
from pydantic import ValidationError

import app.signals
from app.engine import Failure, FailureSignal, Signal
from app.engine.signal import SIGNALS
from app.signals.deploys import (
    STAGES,
    ArchiveSource,
    DeployFailed,
    DeployPublished,
    DeployRequested,
    DeploySuperseded,
    Trigger,
)
from app.signals.domains import DomainAdded, DomainSyncFailed
from app.signals.hooks import DeployHookCreated, DeployHookDeleted
from app.signals.sites import SiteCreated
from app.signals.storage import IntegrityFailed, IntegrityRestored, UploadFailed
from app.signals.tokens import TokenCreated, TokenRevoked

for module in pkgutil.iter_modules(app.signals.__path__):
    importlib.import_module(f"app.signals.{module.name}")

DECLARED = [signal for signal in SIGNALS.values() if signal.__module__.startswith("app.signals.")]
DEPLOY = {"site_id": "s1", "site": "hello", "deploy_id": "d1", "number": 3}
FAILURE = Failure(code="internal", stage="upload", message="It broke.")
BLOCK = "ab" * 32
LOST = IntegrityFailed(digest=BLOCK, cid="b", failure=FAILURE)
HOST = {"hostname": "hello.localhost", "kind": "subdomain", "mode": "default"}
ADDED = DomainAdded.model_validate({"site_id": "s1", "site": "hello", "domain_id": "o1", **HOST})


@pytest.mark.parametrize("signal", DECLARED, ids=lambda signal: signal.type)
def test_every_signal_is_documented_and_named_by_the_rules(signal: type[Signal]) -> None:
    assert signal.__doc__, "a signal's docstring is its contract"
    segments = signal.type.split(".")
    assert len(segments) >= 2
    assert all(segment.replace("_", "").isalpha() and segment.islower() for segment in segments)


@pytest.mark.parametrize("signal", DECLARED, ids=lambda signal: signal.type)
def test_only_failures_and_stalls_carry_a_failure(signal: type[Signal]) -> None:
    assert issubclass(signal, FailureSignal) == signal.type.endswith((".failed", ".stalled"))


def test_everything_about_a_deploy_is_in_its_sites_stream_and_is_called_as_people_call_it() -> None:
    published = DeployPublished(
        **DEPLOY, cid="bafy", previous_deploy_id=None, previous_cid=None, urls=("http://hello.localhost/",)
    )
    assert published.stream == "/sites/s1"
    assert published.subject == "d1"
    assert published.label == "hello #3"


@pytest.mark.parametrize(
    ("signal", "stream", "subject", "label"),
    [
        (SiteCreated(site_id="s1", site="hello", name="Hello"), "/sites/s1", "s1", "hello"),
        (DeployHookCreated(site_id="s1", site="hello", hook_id="h1", name="CI"), "/sites/s1", "h1", "hello"),
        (DeployHookDeleted(site_id="s1", site="hello", hook_id="h1"), "/sites/s1", "h1", "hello"),
        (UploadFailed(site_id="s1", site="hello", failure=FAILURE), "/sites/s1", "s1", "hello"),
        (UploadFailed(**DEPLOY, failure=FAILURE), "/sites/s1", "d1", "hello #3"),
        (DomainSyncFailed(site_id="s1", site="hello", failure=FAILURE), "/sites/s1", "s1", "hello"),
        (ADDED, "/sites/s1", "o1", "hello.localhost"),
        (TokenCreated(token_id="t1", name="CI", scopes=("deploy",)), "/tokens/t1", "t1", "CI"),
        (TokenRevoked(token_id="t1", name="CI"), "/tokens/t1", "t1", "CI"),
        (LOST, f"/storage/{BLOCK}", BLOCK, "block abababababab"),
        (IntegrityRestored(digest=BLOCK), f"/storage/{BLOCK}", BLOCK, "block abababababab"),
    ],
    ids=lambda value: value.type if isinstance(value, Signal) else "",
)  # fmt: skip
def test_other_facts_say_whose_they_are(signal: Signal, stream: str, subject: str, label: str) -> None:
    assert (signal.stream, signal.subject, signal.label) == (stream, subject, label)


def test_a_fact_is_never_changed() -> None:
    created = SiteCreated(site_id="s1", site="hello", name="Hello")
    with pytest.raises(ValidationError):
        created.name = "Other"  # type: ignore[misc]


def test_a_reader_ignores_fields_that_came_later() -> None:
    said = {"site_id": "s1", "site": "hello", "name": "Hello", "colour": "green"}
    assert SiteCreated.model_validate(said).name == "Hello"


def test_a_fact_takes_over_which_deploy_it_is_about() -> None:
    source = ArchiveSource(key="k", sha256="00", size=1, format="zip", files=1, bytes=1)
    requested = DeployRequested(**DEPLOY, trigger=Trigger(kind="api"), source=source, requested_by="token:t")
    superseded = DeploySuperseded.of(requested, by_deploy_id="d2", at_stage="fetch")
    assert superseded.model_dump() == {**DEPLOY, "by_deploy_id": "d2", "at_stage": "fetch"}


def test_a_deploys_failure_takes_over_what_it_answers() -> None:
    source = ArchiveSource(key="k", sha256="00", size=1, format="zip", files=1, bytes=1)
    requested = DeployRequested(**DEPLOY, trigger=Trigger(kind="api"), source=source, requested_by="token:t")
    failed = DeployFailed.from_failure(requested, FAILURE)
    assert (failed.deploy_id, failed.number, failed.failure) == ("d1", 3, FAILURE)


def test_the_endings_of_a_flow_are_those_of_the_design() -> None:
    ends = {signal.type: signal.ends for signal in DECLARED if signal.ends}
    assert ends == {
        "site.deploy.completed": "succeeded",
        "site.deploy.skipped": "succeeded",
        "site.deploy.superseded": "succeeded",
        "site.deploy.rollback_superseded": "succeeded",
        "site.deploy.failed": "failed",
        "site.deploy.cancelled": "cancelled",
        "domain.setup.completed": "succeeded",
        "domain.removed": "cancelled",
        "domain.certificate.failed": "failed",
        "domain.certificate.renewed": "succeeded",
        "storage.upload.failed": "failed",
        "storage.integrity.failed": "failed",
    }


def test_every_state_on_the_way_has_a_name_for_what_is_done_in_it() -> None:
    assert list(STAGES) == ["requested", "building", "packaging", "uploading", "ready", "published"]
    assert len(set(STAGES.values())) == len(STAGES)
