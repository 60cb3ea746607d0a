"""How values look on the pages: states as colours, spans of time and sizes in words, addresses of sites."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from flask import current_app

from app.engine import now
from app.signals.telling import counted, duration, size
from app.web.blueprint import web
from config import addresses

LOOKS = {
    **dict.fromkeys(("live", "succeeded", "done"), "good"),
    **dict.fromkeys(("failed", "dead"), "bad"),
    **dict.fromkeys(("running", "waiting", "ready", "published"), "busy"),
}


@web.app_template_filter()
def look(state: str) -> str:
    """The style of a state: good, bad, busy or none."""
    return LOOKS.get(state, "")


@web.app_template_filter()
def ago(moment: datetime) -> str:
    """How long ago something was, roughly; a date once it is long ago."""
    seconds = (now() - moment).total_seconds()
    if seconds < 10:
        return "just now"
    for most, unit, name in ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h"), (30 * 86400, 86400, "d")):
        if seconds < most:
            return f"{seconds // unit:.0f} {name} ago"
    return moment.strftime("%Y-%m-%d")


@web.app_template_filter()
def span(time: timedelta) -> str:
    """A span of time."""
    return duration(time / timedelta(milliseconds=1))


@web.app_template_filter()
def kind(name: str) -> str:
    """The kind of a flow; one without a name of its own is called after the type of its first event."""
    return " ".join(name.split(".")[-2:]).replace("_", " ").capitalize()


@web.app_template_filter()
def files(count: int) -> str:
    """A number of files."""
    return counted(count, "file")


@web.app_template_filter()
def short(cid: str) -> str:
    """A CID's beginning and end, by which people compare."""
    return f"{cid[:14]}…{cid[-8:]}"


@web.app_template_filter()
def address(slug: str) -> str:
    """Where a site is served."""
    return addresses.under(current_app.config["GATEWAY_URL"], slug)


@web.app_template_filter()
def host(slug: str) -> str:
    """The host, as people read it, under which a site is served."""
    return urlsplit(address(slug)).netloc


@web.app_template_filter()
def preview(cid: str) -> str:
    """Where content is served by its CID, live or not."""
    return f"{current_app.config['GATEWAY_URL']}/ipfs/{cid}/"


web.app_template_filter("size")(size)
