"""Templates of messages, and the words that every event has of its own."""

from typing import Any

import pytest

from app.engine.discovery import discover
from app.engine.signal import SIGNALS, Failure, FailureSignal, mark_recorded
from app.errors import InvalidInput
from app.signals.advice import ADVICE
from app.signals.deploys import DeployFailed
from app.signals.hooks import DeployHookCreated
from app.signals.sites import SiteUpdated
from app.signals.templates import LONGEST_TEXT, LONGEST_VALUE, check, lines, one_line, parse
from app.signals.wording import FAILED, WORDS, failure_text, worded
from tests.unit.engine.events import event

discover("app.models", "tasks", "workflows")

FAILURE = Failure(
    code="archive_bomb", stage="fetch", message="Too big.", hint="Send less.", evidence={"ratio": 900}
)
ABOUT = {"site_id": "s1", "site": "hello", "deploy_id": "d1", "number": 3}


def recorded(signal: Any) -> Any:
    told = signal.model_dump(mode="json")
    mark_recorded(signal, event(signal.type, stream="/sites/s1", label="hello #3", data=told))
    return signal


def failed(failure: Failure = FAILURE) -> Any:
    return recorded(DeployFailed(**ABOUT, failure=failure))


def test_fields_are_filled_in_as_plain_text() -> None:
    seen = {
        "type": "t",
        "data": {"n": 3, "yes": True, "no": None, "list": ["a", {"b": 1}], "deep": {"x": [{"y": "z"}]}},
    }
    template = parse("{type} {{{data.n}}} {data.yes}|{data.no}|{data.list}|{data.deep.x.y}|{data.gone.more}")
    assert template.filled(seen) == "t {3} yes||a, b: 1|z|"
    assert (
        parse("{data.n}").filled({"data": {"n": "{type} {data.n.__class__}"}}) == "{type} {data.n.__class__}"
    )


@pytest.mark.parametrize(
    "text",
    [
        "{", "}", "{}", "{ data.site }", "{data.site!r}", "{data.site:>9}", "{data[site]}", "{data.x.}",
        "{.x}", "{0}", "{data()}",
        "{a{b}c}", "{% if %}", "{data." + "x." * 12 + "y}", "{type}" * 51, "x" * 10_001,
    ],
)  # fmt: skip
def test_broken_templates_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(text)
    assert caught.value.code == "template_invalid"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "types", "near"),
    [
        ("{data.sight}", ["site.deploy.failed"], "data.site"),
        ("{site}", ["site.deploy.failed"], "data.site"),
        ("{data.failure.mesage}", ["site.deploy.failed"], "data.failure.message"),
        ("{data.failure.message}", ["site.deploy.failed", "site.deploy.published"], ""),
        ("{data.site.__class__}", ["site.deploy.failed"], ""),
        ("{data.__class__.__mro__}", ["site.deploy.failed"], ""),
        ("{Data.site}", [], "invalid"),
        ("{data.trigger.knd}", ["site.deploy.requested"], "data.trigger.kind"),
    ],
)
def test_a_field_that_one_of_the_types_has_not_is_told(text: str, types: list[str], near: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check(parse(text), types)
    if near == "invalid":
        assert caught.value.code == "template_invalid"
        return
    assert caught.value.code == "template_unknown_field"
    assert caught.value.evidence["field"] == text[1:-1]
    assert set(caught.value.evidence["types"]) <= set(types)
    assert types[-1] in caught.value.message
    assert near in caught.value.hint


def test_what_a_type_leaves_open_is_taken() -> None:
    check(parse("{id} {source} {type} {time} {subject} {label} {correlationid}"), list(SIGNALS))
    check(parse("{data.failure.evidence.anything.at.all}"), ["site.deploy.failed"])
    check(
        parse("{data.targets.status} {data.targets.failure.code} {data.durations.total}"),
        ["site.deploy.completed"],
    )


def test_a_title_is_one_line_and_a_text_has_no_control_characters() -> None:
    assert one_line("a\r\nBcc: x\x00\x1b[31m\u2028b\u202e") == "a Bcc: x [31m b"
    assert len(one_line("x" * 999)) == 200
    assert lines("a\r\nb\x1b[2J\x00\n\n\u202ec") == "a\nb [2J\n\n c"
    assert len(lines("x\n" * 9999)) == LONGEST_TEXT
    assert len(parse("{data.x}").filled({"data": {"x": "y" * 9999}})) == LONGEST_VALUE


def test_our_own_words_name_fields_that_there_are() -> None:
    for type_, templates in WORDS.items():
        for template in templates:
            check(template, [type_])
    for type_, title in FAILED.items():
        assert issubclass(SIGNALS[type_], FailureSignal)
        check(title, [type_])


def test_a_failure_says_what_happened_why_and_what_next() -> None:
    title, text = worded(failed())
    assert title == "hello #3 failed at fetch"
    assert text.splitlines() == [
        "Too big. (archive_bomb)",
        "Why: It unpacks to far more than it is.",
        "What to do: Send less.",
        "Evidence:",
        "  ratio: 900",
    ]
    unknown = failure_text(failed(Failure(code="odd", stage="x", message="Odd.", attempt=5)), "All stays.")
    assert unknown.startswith("Odd. (odd) It was tried 5 times.\nAll stays.\nWhat to do: See its flow")


def test_each_failure_code_has_a_message_of_its_own() -> None:
    told = {
        code: failure_text(failed(Failure(code=code, stage="x", message="It failed."))) for code in ADVICE
    }
    assert len(set(told.values())) == len(ADVICE)
    for code, text in told.items():
        why, following = ADVICE[code]
        assert why in text, code
        assert following in text, code
        assert why.endswith(".") or following.endswith("."), code


def test_a_type_without_words_is_told_by_its_fields() -> None:
    title, text = worded(
        recorded(DeployHookCreated(site_id="s1", site="hello", hook_id="h1", name="from ci"))
    )
    assert title == "hello #3: deploy hook created"
    assert "from ci" in text
    assert "hook_id: h1" in text
    _, text = worded(recorded(SiteUpdated(site_id="s1", site="hello", changed={"name": ("a", "b\x07")})))
    assert text == "From what to what: name: a, b ."
