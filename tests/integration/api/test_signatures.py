"""How calls are signed, v1 and v1a, while secrets are replaced; and thin calls, whose data is fetched."""

import json
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks.webhooks import Webhook

from app.engine.rebuild import verify
from tests.fixtures.api import Api, recorded, refused
from tests.fixtures.receivers import Receiver, answering
from tests.fixtures.simulation import Simulation
from tests.integration.api.calls import api as api
from tests.integration.api.calls import heard, listen

ASKED = "site.deploy.requested"
DAY = 24 * 3600


@pytest.fixture
def there(receiver: Callable[..., Receiver]) -> Receiver:
    return receiver(answering())


def signing(api: Api, there: Receiver, **how: Any) -> Any:
    """A webhook that is signed like that."""
    return listen(api, there.url, on=[ASKED], do={"webhook": {"url": there.url, **how}})


def call(api: Api, there: Receiver, simulation: Simulation) -> tuple[dict[str, str], bytes]:
    """The newest call."""
    api.deploy()
    simulation.drain()
    return heard(there)[-1]


def kinds(headers: Mapping[str, str]) -> list[str]:
    return [each.split(",")[0] for each in headers["webhook-signature"].split()]


def checks(public_key: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether one of the signatures is of this key, as the specification says it: `v1a` over
    `id.timestamp.body`, by ed25519.
    """
    key = Ed25519PublicKey.from_public_bytes(b64decode(public_key.removeprefix("whpk_")))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    for each in headers["webhook-signature"].split():
        kind, _, signature = each.partition(",")
        try:
            if kind == "v1a":
                key.verify(b64decode(signature), content)
                return True
        except InvalidSignature:
            continue
    return False


def test_a_receiver_that_knows_the_public_key_needs_no_secret(
    api: Api, there: Receiver, simulation: Simulation
) -> None:
    listener = signing(api, there, signature="v1a")
    assert listener["secret"] is None
    [key] = listener["public_keys"]
    headers, body = call(api, there, simulation)
    assert kinds(headers) == ["v1a"]
    assert checks(key, headers, body)
    assert not checks(key, headers, body + b" ")
    assert api.get(f"/v1/listeners/{listener['id']}").json["public_keys"] == [key]
    told = api.get("/v1/events?limit=200").text + api.get("/v1/listeners").text
    assert "whsk_" not in told


def test_both_are_made_and_replaced_with_an_overlap(
    api: Api, there: Receiver, simulation: Simulation
) -> None:
    listener = signing(api, there, signature="both")
    path = f"/v1/listeners/{listener['id']}"
    first = api.post(f"{path}/rotate-secret", key="once").json
    assert api.post(f"{path}/rotate-secret", key="once").json == first
    assert len(first["public_keys"]) == 2
    headers, body = call(api, there, simulation)
    assert sorted(kinds(headers)) == ["v1", "v1", "v1a", "v1a"]
    assert all(checks(key, headers, body) for key in {*first["public_keys"], *listener["public_keys"]})
    for secret in (first["secret"], listener["secret"]):
        Webhook(secret).verify(body, headers)
    simulation.clock.shift(DAY + 1)
    headers, body = call(api, there, simulation)
    assert sorted(kinds(headers)) == ["v1", "v1a"]
    assert checks(first["public_keys"][0], headers, body)
    assert not checks(listener["public_keys"][0], headers, body)
    assert api.get(path).json["public_keys"] == first["public_keys"][:1]
    assert verify() == []


def test_a_change_of_the_signature_is_a_rotation(api: Api, there: Receiver, simulation: Simulation) -> None:
    listener = signing(api, there)
    path, do = f"/v1/listeners/{listener['id']}", {"webhook": {"url": there.url, "signature": "v1a"}}
    changed = api.patch(path, {"do": do}).json
    assert (changed["secret"], len(changed["public_keys"])) == (None, 1)
    headers, body = call(api, there, simulation)
    assert kinds(headers) == ["v1a", "v1"]
    Webhook(listener["secret"]).verify(body, headers)
    again = api.patch(path, {"do": do, "name": "other"}).json
    assert (again["secret"], again["public_keys"]) == (None, changed["public_keys"])
    back = api.patch(path, {"do": {"webhook": {"url": there.url}}}).json
    assert back["secret"].startswith("whsec_")
    assert back["secret"] != listener["secret"]


def test_a_thin_call_says_where_the_event_is_to_be_had(
    api: Api, there: Receiver, simulation: Simulation
) -> None:
    listener = signing(api, there, payload="thin")
    headers, body = call(api, there, simulation)
    told = Webhook(listener["secret"]).verify(body, headers)
    assert "data" not in told
    assert "datacontenttype" not in told
    [event] = recorded(ASKED)
    path = f"/v1/events/{event.id}"
    assert told["dataref"].endswith(path)
    whole = api.bearing("read").get(path).json
    assert whole["data"]["site"] == "hello"
    assert {name: value for name, value in told.items() if name != "dataref"} == {
        name: whole[name] for name in told if name != "dataref"
    }
    assert json.loads(body) == told


@pytest.mark.parametrize(
    "how",
    [
        {"signature": "v2"},
        {"signature": None},
        {"payload": "tiny"},
        {"paylod": "thin"},
        {"secret": "whsec_x"},
    ],
    ids=repr,
)
def test_what_means_nothing_is_refused(sqlite_api: Api, how: Any) -> None:
    do = {"webhook": {"url": "https://example.org/", **how}}
    wish = {"name": "a", "on": [ASKED], "do": do}
    refused(sqlite_api.post("/v1/listeners", wish), 422, "request_invalid")
    refused(sqlite_api.post("/v1/listeners", {**wish, "do": {"webhook": None}}), 422, "do_invalid")
