"""`flask deploy`: a folder of this machine goes live, with everything that happens on the way in sight."""

from pathlib import Path
from typing import Any

import rich_click as click

from app.cli.asking import asks
from app.cli.output import Output
from app.cli.packing import pack
from app.cli.platform import Platform, at
from app.cli.uploading import progress_of
from app.cli.watching import see_through
from app.errors import PermanentError
from app.signals.telling import counted, size


@click.command("deploy")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--site", required=True, metavar="SLUG", help="The site that will serve it.")
@click.option("--watch/--no-watch", default=True, help="Show what happens until it is over. [default: watch]")
@click.option("--create-site/--no-create-site", default=True, help="Make the site if there is none.")
@click.option("--follow-links", is_flag=True, help="Follow links that lead out of DIR too.")
@click.option("--ref", help="The branch or tag that it was made from.")
@click.option("--commit", help="The commit that it was made from.")
@click.option("--message", help="What is new.")
@asks
def deploy(platform: Platform, out: Output, /, folder: Path, site: str, **asked: Any) -> None:
    """Deploy the folder DIR.

    Exits 0 when it is live or unchanged, 1 when it failed, 3 when a newer one took its place.
    """
    version = {name: asked[name] for name in ("ref", "commit", "message")}
    there = _is_there(platform, site) or not asked["create_site"]
    with pack(folder, follow_links=asked["follow_links"]) as packed:
        out.say(f"Packed {counted(packed.files, 'file')}, {size(packed.bytes)}: {size(packed.size)} to send.")
        if not there:
            made = platform.post(at("sites"), slug=site)
            out.say(f"Created the site {made['slug']}.")
        with progress_of(packed, silent=out.as_json) as archive:
            started = platform.upload(at("sites", site, "deploys"), archive, **version)
    if asked["watch"]:
        see_through(platform, out, started)
    else:
        out.answer(started, [f"Deploying. See: flask flows show {started['flow']}"])


def _is_there(platform: Platform, slug: str) -> bool:
    """Whether there is such a site; what else stands in the way is told before anything is packed."""
    try:
        platform.get(at("sites", slug))
    except PermanentError as error:
        if error.code == "site_not_found":
            return False
        raise
    return True
