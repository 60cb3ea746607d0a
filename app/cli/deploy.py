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
from app.signals.telling import size


@click.command("deploy")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
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
    with pack(folder, follow_links=asked["follow_links"]) as packed:
        out.say(f"Packed {packed.files} files ({size(packed.bytes)}, {size(packed.size)} to send).")
        _find_site(platform, out, site, create=asked["create_site"])
        with progress_of(packed, silent=out.as_json) as archive:
            started = platform.upload(at("sites", site, "deploys"), archive, **version)
    if not asked["watch"]:
        out.answer(started, [f"Deploying. See: flask flows show {started['flow']}"])
        return
    see_through(platform, out, started)


def _find_site(platform: Platform, out: Output, slug: str, *, create: bool) -> None:
    """Make sure that there is a site before anything is sent to it."""
    try:
        platform.get(at("sites", slug))
    except PermanentError as error:
        if error.code != "site_not_found" or not create:
            raise
        made = platform.post(at("sites"), slug=slug)
        out.say(f"Created the site {made['slug']}.")
