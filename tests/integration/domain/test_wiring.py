"""What is wired to what: the platform's listeners as the design draws them."""

from app.engine.actions import ACTIONS
from app.engine.listeners import LISTENERS
from app.engine.signal import SIGNALS, FailureSignal

DEPLOY = [
    ("site.deploy.requested", "sites.fetch_source"),
    ("site.deploy.source_fetched", "builds.build_site"),
    ("site.deploy.build_skipped", "sites.package_artifact"),
    ("site.deploy.artifact_ready", "storage.upload_artifact"),
    ("storage.upload.completed", "sites.accept_upload"),
    ("site.deploy.uploaded", "sites.publish_deploy"),
    ("site.deploy.published", "domains.sync_records"),
    ("site.deploy.published", "sites.complete_deploy"),
]


def test_the_deploy_flow_reads_like_the_design() -> None:
    declared = [listener for listener in LISTENERS.all() if listener.name.startswith("deploy:")]
    assert [(type_, listener.action) for listener in declared for type_ in listener.types] == DEPLOY


def test_every_answered_signal_and_every_action_is_known() -> None:
    for listener in LISTENERS.all():
        assert set(listener.types) <= set(SIGNALS)
        taken = {signal.type for signal in ACTIONS[listener.action].takes}
        assert set(listener.types) <= taken, f"{listener.action} does not take what {listener.name} gives it"


def test_what_touches_a_service_says_which_failure_it_records() -> None:
    waited_for = [listener for listener in LISTENERS.all() if not listener.follower]
    for listener in waited_for:
        action = ACTIONS[listener.action]
        # a look that failed is followed by the next one
        looks = action.name in ("names.look_up", "ens_watch.look", "ens_transactions.watch")
        assert not action.outer or action.fails_with or looks, action.name


def test_only_metering_notices_and_clearing_up_are_not_waited_for() -> None:
    followers = {listener.name for listener in LISTENERS.all() if listener.follower}
    assert followers == {
        "metering:usage.measure_upload",
        "metering:usage.measure_publication",
        "metering:usage.measure_deploy",
        "metering:usage.measure_gas",
        "metering:usage.measure_call",
        "metering:usage.measure_message",
        "notices:notifications.tell",
        "notices:notifications.tell@disabled",
        "notices:notifications.tell@domains",
        "notices:notifications.tell@names",
        "notices:notifications.tell@taken",
        "notices:notifications.tell@certificates",
        "certificates:certificates.clear_challenge",
        "certificates:renewals.schedule",
        "certificates:renewals.remove_files",
        "certificates:renewals.reload",
        "notices:notifications.send_test",
        "digests:notifications.tell_digest",
        "digests:digests.drop",
        "digests:digests.go_on",
        "housekeeping:housekeeping.clear_spool",
        "webhooks:webhooks.disable_lost",
        "pinning:storage.pin_again",
        "dnslink:dnslinks.see_link",
        *(f"domain_setup:remind_{after}" for after in ("15min", "4h", "24h", "72h")),
        "webhooks:webhooks.call_once",
    }


def test_every_failure_of_a_deploy_before_its_publication_reaches_the_one_that_fails_it() -> None:
    heard = {
        type_
        for listener in LISTENERS.all()
        if listener.action == "sites.fail_deploy"
        for type_ in listener.types
    }
    recorded = {
        ACTIONS[listener.action].fails_with
        for listener in LISTENERS.all()
        if listener.name.startswith("deploy:") and ACTIONS[listener.action].fails_with
    }
    after = {"domain.sync.failed"}
    ends = {"site.deploy.failed"}
    assert {signal.type for signal in recorded if issubclass(signal, FailureSignal)} <= heard | after | ends
    assert "platform.reaction.dead_lettered" in heard
