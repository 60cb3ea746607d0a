"""Runs the command that lets the proxy in front read its files again."""

import shlex
import subprocess

from app.errors import PermanentError, RetryableError

MOST_SECONDS = 30.0
_MOST_CHARACTERS = 2000


def run_reload(command: str, host: str, seconds: float = MOST_SECONDS) -> None:
    """Run it, with the host name as its last argument's environment `ANTIPHON_HOSTNAME`; no shell reads it.

    PermanentError `reload_not_found`; RetryableError `reload_failed` or `reload_timeout`.
    """
    words = shlex.split(command)
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own command, from the settings
            ["env", f"ANTIPHON_HOSTNAME={host}", *words],  # noqa: S607 - wherever `env` is
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        what = f"{words[0]} did not end within {seconds:g} s, and was ended."
        raise RetryableError("reload_timeout", what, "See CERTS_RELOAD_COMMAND.") from error
    if done.returncode == 127:
        what = f"There is no program {words[0]} to reload the proxy with."
        raise PermanentError("reload_not_found", what, "See CERTS_RELOAD_COMMAND; give its whole path.")
    if done.returncode:
        said = done.stdout.decode("utf-8", "replace").strip()[-_MOST_CHARACTERS:]
        raise RetryableError(
            "reload_failed",
            f"{words[0]} ended with {done.returncode}: {said or 'it said nothing'}",
            "The new files lie in <home>/certs; let the proxy read them.",
            evidence={"status": done.returncode},
        )
