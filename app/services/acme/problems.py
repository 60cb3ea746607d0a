"""What an authority's problem documents (RFC 8555 §6.7) mean here: a code of ours, and what to do."""

from typing import Any

from acme import messages

from app.errors import PermanentError, PlatformError, RetryableError

#: The last words of a problem's type, and the code that it has here.
CODES = {
    "unauthorized": "acme_unauthorized",
    "incorrectResponse": "acme_unauthorized",
    "connection": "acme_connection",
    "tls": "acme_connection",
    "dns": "acme_dns",
    "caa": "caa_forbids",
    "rateLimited": "acme_rate_limited",
    "rejectedIdentifier": "acme_rejected_identifier",
    "unsupportedIdentifier": "acme_rejected_identifier",
    "externalAccountRequired": "acme_account",
    "userActionRequired": "acme_account",
    "invalidContact": "acme_account",
    "unsupportedContact": "acme_account",
    "accountDoesNotExist": "acme_account",
    "badNonce": "acme_bad_nonce",
    "serverInternal": "acme_internal",
}
_HINTS = {
    "acme_unauthorized": "The authority saw something else than what we show: a proxy, a CDN or another "
    "server answers for the name. See its records: flask domains show.",
    "acme_connection": "Open port 80 for the whole world: the authority comes from several places at once.",
    "acme_dns": "Let the name servers of the zone answer everybody. See its records: flask domains show.",
    "caa_forbids": "Add a CAA record that lets this authority issue, or remove those that do not.",
    "acme_rate_limited": "Nothing to do: it is tried again when the authority allows it.",
    "acme_rejected_identifier": "This authority issues nothing for this name, now or ever. Use another one.",
    "acme_account": "See ACME_EMAIL and what the authority asks of its accounts; perhaps its terms have "
    "changed, or it wants accounts made by hand.",
    "acme_refused": "See what it says; it is tried again.",
    "acme_bad_nonce": "It is tried again.",
    "acme_internal": "The authority has trouble of its own. It is tried again.",
}
_PASSING = ("acme_bad_nonce", "acme_internal")


def refusal(problem: messages.Error, retry_after: int | None = None) -> PlatformError:
    """A problem document as an error of ours."""
    last = (problem.typ or "").rpartition(":")[2]
    code = CODES.get(last, "acme_refused")
    said = " ".join(part for part in (problem.title, problem.detail) if part) or "it gives no reason"
    details = [str(sub.detail) for sub in problem.subproblems or ()]
    evidence: dict[str, Any] = {"problem": {"type": problem.typ or "", "detail": problem.detail or ""}}
    evidence |= {} if retry_after is None else {"retry_after": retry_after}
    kind = RetryableError if code in _PASSING else PermanentError
    message = f"The certificate authority said: {'; '.join([said, *details])}"
    return kind(code, message, _HINTS[code], evidence=evidence)


def unreachable(directory: str, error: Exception) -> RetryableError:
    """The error for an authority that does not answer, or is not trusted."""
    said = str(error)
    if "not yet valid" in said or "has expired" in said:
        hint = "Set the clock of this machine (NTP); or the authority's own certificate is not renewed."
        return RetryableError("clock_skew", f"By our clock {directory} has no valid certificate.", hint)
    untrusted = "CERTIFICATE_VERIFY_FAILED" in said
    hint = "Name the file that it is trusted by in ACME_CA_FILE." if untrusted else "See ACME_DIRECTORY."
    what = "is not trusted" if untrusted else "does not answer"
    evidence = {"error": said[:500]}
    return RetryableError("acme_unreachable", f"{directory} {what}.", hint, evidence=evidence)


def nonsense(directory: str, error: Exception) -> RetryableError:
    """The error for somebody who does not speak ACME."""
    return RetryableError(
        "acme_unreachable",
        f"What answers at {directory} does not speak ACME.",
        "See whether ACME_DIRECTORY is the whole address of the directory.",
        evidence={"error": f"{type(error).__name__}: {str(error)[:500]}"},
    )
