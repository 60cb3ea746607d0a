"""Chat services, by apprise: those whose address is fixed, so that no URL leads anywhere else.

Apart because apprise is imported here alone, and of its services only these: not by looking a scheme up.
"""

import logging
import re
from urllib.parse import urlsplit

from apprise import Apprise, AppriseAsset, NotifyBase, NotifyFormat, OverflowMode
from apprise.exception import AppriseException
from apprise.plugins.discord import NotifyDiscord
from apprise.plugins.google_chat import NotifyGoogleChat
from apprise.plugins.pushover import NotifyPushover
from apprise.plugins.slack import NotifySlack
from apprise.plugins.telegram import NotifyTelegram

from app.errors import PermanentError, RetryableError
from app.services.notify.mailto import invalid
from app.services.notify.port import Message

#: The plugin that each scheme must lead to, and the parameters that its URL may have: others read files,
#: fetch pictures, or turn the check of certificates off.
_PLUGINS: dict[str, tuple[type[NotifyBase], frozenset[str]]] = {
    "slack": (NotifySlack, frozenset()),
    "discord": (NotifyDiscord, frozenset({"thread"})),
    "tgram": (NotifyTelegram, frozenset({"topic", "silent"})),
    "pover": (NotifyPushover, frozenset({"priority", "sound"})),
    "gchat": (NotifyGoogleChat, frozenset()),
}
#: Hosts whose own addresses people paste as they are shown to them.
_PASTED = {"hooks.slack.com": "slack", "discord.com": "discord", "discordapp.com": "discord"}
_PASTED |= {"chat.googleapis.com": "gchat"}
#: What those addresses hold after their question mark.
_IN_PASTED = {"key", "token"}
_STATUS = re.compile(r"error=(\d{3})")
#: Statuses that another try changes nothing about.
_FOR_GOOD = frozenset({400, 401, 403, 404, 410})
#: What a service would take for calling everybody.
_CALLS = re.compile(r"@(?=everyone|here|channel)|(?<=<)(?=[@!#])")

_ASSET = AppriseAsset(
    app_id="Antiphon",
    async_mode=False,
    http_redirects=False,
    secure_logging=True,
    interpret_emojis=False,
    image_url_mask="",
    image_url_logo="",
)
_LOG = logging.getLogger("apprise")  # its lines are read from the result, and written nowhere
_LOG.setLevel(logging.WARNING)
_LOG.propagate = False
_LOG.addHandler(logging.NullHandler())


def scheme_of(url: str) -> str:
    """What kind of channel a URL is: its scheme, or the service whose own address it is."""
    parts = urlsplit(url)
    pasted = _PASTED.get(parts.hostname or "") if parts.scheme == "https" else None
    return pasted or parts.scheme


class ChatChannel:
    """One place in a chat service, as its apprise URL names it. InvalidInput `channel_url_invalid`."""

    def __init__(self, url: str) -> None:
        self.name = scheme_of(url)
        plugin, parameters = _PLUGINS[self.name]
        pasted = url.startswith("https:")
        asked = {part.partition("=")[0].lower() for part in urlsplit(url).query.split("&") if part}
        if odd := sorted(asked - parameters - (_IN_PASTED if pasted else set())):
            raise invalid(f"{', '.join(odd)[:80]} is no parameter that may be given")
        read = plugin.parse_native_url(url) if pasted else plugin.parse_url(url)
        try:
            made = plugin(**{**(read or {}), "asset": _ASSET, "overflow": OverflowMode.SPLIT})
        except (AppriseException, TypeError):  # its own words repeat parts of the URL
            raise invalid(f"a part of what {self.name} needs is missing or misspelt") from None
        self._service = Apprise(asset=_ASSET)
        self._service.add(made)

    def send(self, message: Message) -> None:
        """Post the message as plain text, mentions disarmed.

        RetryableError `service_unavailable`, PermanentError `service_refused`.
        """
        result = self._service.notify(
            body=_CALLS.sub("\u200b", message.text),
            title=_CALLS.sub("\u200b", message.title),
            body_format=NotifyFormat.TEXT,
        )
        if result:  # an object: its truth says whether all of it arrived
            return
        told = " ".join(str(line) for each in result.results for line in each.logs())
        found = _STATUS.search(told)  # the rest of its lines may hold parts of the URL
        status = int(found[1]) if found else None
        evidence = {"service": self.name, "http_status": status}
        if status in _FOR_GOOD:
            what = f"{self.name} refused the message with {status}."
            hint = "The channel's URL is probably revoked: add the channel anew with a new one."
            raise PermanentError("service_refused", what, hint, evidence=evidence)
        what = f"{self.name} did not take the message{f': it answered {status}' if status else ''}."
        hint = "It is tried again; look at the service's status page."
        raise RetryableError("service_unavailable", what, hint, evidence=evidence)
