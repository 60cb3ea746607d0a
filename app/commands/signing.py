"""What calls of webhooks are signed with: secrets that a receiver shares, or keys it knows half of."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from app.engine import LISTENERS_STREAM, Recording
from app.errors import InvalidInput
from app.models import listeners, webhooks

#: Makes the secret of a listener, by its id, for one kind of signature: `v1` or `v1a`.
SecretFor = Callable[[str, str], str]

#: By the `signature` that a webhook wants.
KINDS = {"v1": ("v1",), "v1a": ("v1a",), "both": ("v1", "v1a")}
#: For how long a secret that was replaced is good besides the new one.
OVERLAP = timedelta(hours=24)


def kinds_of(do: Mapping[str, Any]) -> tuple[str, ...]:
    """The kinds of signatures of its calls; none, when it is no webhook."""
    return KINDS[do["webhook"].get("signature", "v1")] if "webhook" in do else ()


def sign_anew(
    log: Recording,
    listener_id: str,
    do: Mapping[str, Any],
    secret_for: SecretFor,
    overlap: timedelta = timedelta(0),
) -> None:
    """Sign what this listener does with new secrets from now on, and for some time with the old ones too."""
    made = [secret_for(listener_id, kind) for kind in kinds_of(do)]
    if made:
        webhooks.store_secrets(log.db, listener_id, made, log.now, overlap)


def rotate_secret(log: Recording, listener_id: str, secret_for: SecretFor) -> None:
    """Sign with other secrets from now on, for a day besides those before.

    NotFound `listener_not_found`; Conflict `listener_built_in`; InvalidInput `not_a_webhook`.
    """
    log.lock(LISTENERS_STREAM)
    found = listeners.require(log.db, listener_id)
    if "webhook" not in found.spec["do"]:
        raise InvalidInput("not_a_webhook", f"{found.name} has no secret.", "Only webhooks are signed.")
    sign_anew(log, listener_id, found.spec["do"], secret_for, OVERLAP)
