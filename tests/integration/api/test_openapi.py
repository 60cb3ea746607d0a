"""The OpenAPI document: complete, and true of what the application does with whatever is sent to it."""

import re
import socket
from collections.abc import Callable
from contextlib import closing
from html.parser import HTMLParser
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.generation import GenerationMode

from tests.fixtures.api import Api
from tests.fixtures.simulation import Simulation

OPERATIONS = {
    "/v1/sites": {"get", "post"},
    "/v1/sites/{slug}": {"get", "patch", "delete"},
    "/v1/sites/{slug}/deploys": {"get", "post"},
    "/v1/sites/{slug}/rollback": {"post"},
    "/v1/sites/{slug}/lock": {"put", "delete"},
    "/v1/sites/{slug}/pause": {"put", "delete"},
    "/v1/sites/{slug}/deploy-hooks": {"get", "post"},
    "/v1/sites/{slug}/deploy-hooks/{id}": {"delete"},
    "/v1/deploys/{id}": {"get"},
    "/v1/deploys/{id}/cancel": {"post"},
    "/v1/flows": {"get"},
    "/v1/flows/{id}": {"get"},
    "/v1/flows/{id}/cancel": {"post"},
    "/v1/coverage": {"get"},
    "/v1/events": {"get"},
    "/v1/events/{id}": {"get"},
    "/v1/events/{id}/explain": {"get"},
    "/v1/events/stream": {"get"},
    "/v1/reactions": {"get"},
    "/v1/reactions/{id}": {"get"},
    "/v1/reactions/{id}/retry": {"post"},
    "/v1/reactions/{id}/skip": {"post"},
    "/v1/reactions/retry": {"post"},
    "/v1/actions": {"get"},
    "/v1/sites/{slug}/domains": {"get", "post"},
    "/v1/domains/{hostname}": {"get", "delete"},
    "/v1/domains/{hostname}/verify": {"post"},
    "/v1/tls/ask": {"get"},
    "/v1/sites/{slug}/ens": {"get", "post"},
    "/v1/ens/{name}": {"get", "delete"},
    "/v1/ens/{name}/check": {"post"},
    "/v1/listeners": {"get", "post"},
    "/v1/listeners/{id}": {"get", "patch", "delete"},
    "/v1/listeners/preview": {"post"},
    "/v1/listeners/apply": {"post"},
    "/v1/listeners/{id}/backfill": {"post"},
    "/v1/listeners/{id}/redeliver": {"post"},
    "/v1/listeners/{id}/test": {"post"},
    "/v1/listeners/{id}/pause": {"post"},
    "/v1/listeners/{id}/resume": {"post"},
    "/v1/listeners/{id}/rotate-secret": {"post"},
    "/v1/listeners/{id}/attempts": {"get"},
    "/v1/replays": {"get", "post"},
    "/v1/replays/{id}": {"get"},
    "/v1/replays/{id}/cancel": {"post"},
    "/v1/channels": {"get", "post"},
    "/v1/channels/{name}": {"get", "delete"},
    "/v1/channels/{name}/test": {"post"},
    "/v1/notifications": {"get"},
    "/v1/usage": {"get"},
    "/v1/usage/measurements": {"get"},
    "/v1/quotas": {"get", "post"},
    "/v1/quotas/{id}": {"get", "patch", "delete"},
    "/v1/tokens": {"get", "post"},
    "/v1/tokens/{id}": {"delete"},
    "/v1/graph": {"get"},
    "/hooks/deploy/{secret}": {"post"},
    "/metrics": {"get"},
    "/healthz": {"get"},
    "/readyz": {"get"},
}
#: Not what is asked here: what is refused beyond the schema, and what other tests of this folder show.
LEFT_OUT = ("positive_data_acceptance", "negative_data_rejection", "ignored_auth", "use_after_free")
#: It ends the site that the others are about, or does not end.
NOT_CALLED = ("DELETE /v1/sites/{slug}", "GET /v1/events/stream")


def document(api: Api) -> dict[str, Any]:
    return dict(api.get("/openapi.json").json)


def test_the_document_names_what_there_is_and_nothing_else(sqlite_api: Api) -> None:
    found = {path: set(methods) for path, methods in document(sqlite_api)["paths"].items()}
    assert found == OPERATIONS


def test_every_operation_says_what_it_does_and_which_errors_it_has(sqlite_api: Api) -> None:
    for path, methods in document(sqlite_api)["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"].endswith("."), (path, method)
            errors = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
            if path != "/readyz":
                assert all(
                    list(answer["content"]) == ["application/problem+json"] for answer in errors.values()
                )
            if path.startswith("/v1/") and path != "/v1/tls/ask":  # which a proxy asks, who has no token
                assert {"401", "403", "422", "503"} <= set(errors)
                assert operation["security"] == [{"token": []}]
            if method == "post":
                assert "Idempotency-Key" in {each["name"] for each in operation["parameters"]}


def test_every_reference_in_the_document_leads_somewhere(sqlite_api: Api) -> None:
    described = document(sqlite_api)
    for name in set(re.findall(r"#/components/schemas/(\w+)", str(described))):
        assert name in described["components"]["schemas"]


class Links(HTMLParser):
    """The addresses that a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("src", "href") and value]


def test_the_docs_page_asks_no_other_host(sqlite_api: Api) -> None:
    page = sqlite_api.get("/docs")
    links = Links()
    links.feed(page.text)
    assert len(links.found) >= 4
    for address in links.found:
        assert address.startswith("/docs/")
        with closing(Api(sqlite_api.app).get(address)) as file:
            assert file.status_code == 200, address
    assert '"/openapi.json"' in page.text
    assert "connect-src 'self'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_whatever_is_sent_is_answered_as_documented(
    simulation: Simulation,
    api: Api,
    drain: Callable[..., int],
    mode: GenerationMode,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", unknown_everywhere)  # the names that it thinks of
    known = names(api, drain)
    schema = schemathesis.openapi.from_wsgi("/openapi.json", api.app)
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.label not in NOT_CALLED and not (
            mode.is_negative and operation.path in ("/healthz", "/readyz")
        ):
            hold(api, operation, mode, known)


def unknown_everywhere(*_: object, **__: object) -> Any:
    raise socket.gaierror(socket.EAI_NONAME, "unknown")


def names(api: Api, drain: Callable[..., int]) -> dict[str, str]:
    """What there is, by the part of the path that names its kind."""
    drain()
    deploy = api.deploy()
    drain()
    flow = api.get(f"/v1/flows/{deploy['flow']}").json
    hook = api.post("/v1/sites/hello/deploy-hooks").json
    return {
        "slug": "hello",
        "deploys": deploy["id"],
        "flows": flow["id"],
        "events": flow["events"][0]["id"],
        "reactions": flow["reactions"][0]["id"],
        "secret": hook["url"].rpartition("/")[2],
    }


def hold(api: Api, operation: Any, mode: GenerationMode, known: dict[str, str]) -> None:
    """Send a few requests that fit the document, or just not, and compare what comes with the document."""
    left_out = [check for check in schemathesis.checks.CHECKS.get_all() if check.__name__ in LEFT_OUT]
    kind = operation.path.removeprefix("/v1").split("/")[1]
    quickly = {"max_examples": 8, "deadline": None, "database": None, "phases": [Phase.generate]}

    @settings(**quickly, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        for name in set(case.path_parameters):
            case.path_parameters[name] = known.get(name) or known.get(kind, "unknown")
        answer = case.call(headers={"Authorization": f"Bearer {api.token}"})
        assert answer.status_code != 401 or mode.is_negative
        case.validate_response(answer, excluded_checks=left_out)

    run()
