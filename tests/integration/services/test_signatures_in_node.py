"""What is signed here, as the reference library of Standard Webhooks for npm receives it."""

import json
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from app.secrets.webhooks import new_private_key, new_secret, signed
from tests.fixtures.downloads import require

RECEIVE = """
const { Webhook } = require("standardwebhooks");
const { secret, headers, body } = JSON.parse(require("fs").readFileSync(0));
try {
  console.log(JSON.stringify(new Webhook(secret).verify(body, headers)));
} catch (error) {
  console.log(JSON.stringify(`refused: ${error.message}`));
}
"""
TOLD = {"type": "site.deploy.completed", "data": {"text": "ü \u2028 €\n"}}


@pytest.mark.parametrize(
    ("signer", "age", "more", "expected"),
    [
        ("alone", 0, "", TOLD),
        ("beside v1a", 0, "", TOLD),
        ("while it is replaced", 0, "", TOLD),
        ("another", 0, "", "refused: No matching signature found"),
        ("alone", 0, " ", "refused: No matching signature found"),
        ("alone", 600, "", "refused: Message timestamp too old"),
    ],
)
def test_the_reference_library_takes_what_is_signed_and_nothing_else(
    signer: str, age: int, more: str, expected: object
) -> None:
    folder, secret = require("webhooks"), new_secret()
    others = {"beside v1a": [new_private_key()], "while it is replaced": [new_secret()]}
    secrets = [new_secret()] if signer == "another" else [*others.get(signer, []), secret]
    body = json.dumps(TOLD, ensure_ascii=False)
    headers = signed("019b", datetime.now(UTC) - timedelta(seconds=age), body.encode(), secrets)
    asked = json.dumps({"secret": secret, "headers": headers, "body": body + more})
    ran = subprocess.run(
        ["node", "-e", RECEIVE],
        cwd=folder,
        input=asked,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(ran.stdout) == expected
