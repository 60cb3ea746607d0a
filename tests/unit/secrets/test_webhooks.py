"""What we sign is what the reference library verifies, in both schemes and during a rotation."""

import json
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.errors import InvalidInput
from app.secrets.webhooks import check_secret, new_private_key, new_secret, public_key, signed

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/standard-webhooks.json").read_text())["vectors"]
BODY = '{"type":"site.deploy.published","data":{"name":"schön"}}'.encode()
ID = "01JZ0000000000000000000001"


def verified(headers: dict[str, str], secret: str, body: bytes = BODY) -> Any:
    return standardwebhooks.Webhook(secret).verify(body, headers)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["signature"][:12])
def test_every_vector_is_reproduced(vector: dict[str, Any]) -> None:
    at = datetime.fromtimestamp(vector["timestamp"], UTC)
    headers = signed(vector["id"], at, vector["body"].encode(), [vector["secret"]])
    assert headers == {
        "webhook-id": vector["id"],
        "webhook-timestamp": str(vector["timestamp"]),
        "webhook-signature": vector["signature"],
    }


def test_the_reference_library_takes_what_is_signed_with_a_new_secret() -> None:
    secret = new_secret()
    headers = signed(ID, datetime.now(UTC), BODY, [secret])
    assert verified(headers, secret) == json.loads(BODY)
    for wrong in (
        headers | {"webhook-id": "another"},
        headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)},
    ):
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            verified(wrong, secret)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        verified(headers, secret, BODY + b" ")


def test_while_a_rotation_overlaps_receivers_with_either_secret_are_served() -> None:
    new, old = new_secret(), new_secret()
    headers = signed(ID, datetime.now(UTC), BODY, [new, new_private_key(), old])
    assert [part[:3] for part in headers["webhook-signature"].split(" ")] == ["v1,", "v1a", "v1,"]
    assert verified(headers, new) == verified(headers, old) == json.loads(BODY)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        verified(headers, new_secret())


def test_a_public_key_verifies_what_its_private_key_signed() -> None:
    private = new_private_key()
    at = datetime.now(UTC)
    scheme, _, signature = signed(ID, at, BODY, [private])["webhook-signature"].partition(",")
    public = public_key(private)
    assert (scheme, public[:5], private[:5]) == ("v1a", "whpk_", "whsk_")
    key = Ed25519PublicKey.from_public_bytes(b64decode(public[5:]))
    key.verify(b64decode(signature), f"{ID}.{int(at.timestamp())}.".encode() + BODY)
    with pytest.raises(InvalidSignature):
        key.verify(b64decode(signature), BODY)


def test_new_secrets_are_long_and_never_the_same() -> None:
    assert len({new_secret() for _ in range(100)} | {new_private_key() for _ in range(100)}) == 200
    assert len(b64decode(new_secret().removeprefix("whsec_"))) == 32


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "secret",
        "whsec_not base64!",
        "whsec_" + b64encode(bytes(23)).decode(),
        "whsec_" + b64encode(bytes(65)).decode(),
        b64encode(bytes(32)).decode(),
        "whsk_" + b64encode(bytes(31)).decode(),
        "whsk_" + b64encode(bytes(64)).decode(),
        "whpk_" + b64encode(bytes(32)).decode(),
        "whsec_\u00e4",
    ],
)
def test_what_is_no_secret_is_refused_without_repeating_it(secret: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_secret(secret)
    assert caught.value.code == "secret_invalid"
    assert len(secret) < 7 or secret not in str(caught.value)


@pytest.mark.parametrize("size", [24, 32, 64])
def test_secrets_of_24_to_64_bytes_are_taken(size: int) -> None:
    check_secret("whsec_" + b64encode(bytes(size)).decode())


@pytest.mark.parametrize("event_id", ["", "a.b"])
def test_an_id_that_could_be_read_as_something_else_is_not_signed(event_id: str) -> None:
    with pytest.raises(InvalidInput):
        signed(event_id, datetime.now(UTC), BODY, [new_secret()])
