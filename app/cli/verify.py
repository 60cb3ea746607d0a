"""`flask verify`: names a folder's content as a deploy of it would, and compares; nothing is sent."""

from pathlib import Path

import rich_click as click

from app.cli.asking import prints
from app.cli.output import Output
from app.content import folder
from app.content.cid import Cid
from app.content.importer import import_tree
from app.errors import PermanentError


@click.command("verify")
@click.argument("source", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("cid", required=False)
@click.option("--follow-links", is_flag=True, help="Follow links that lead out of DIR too.")
@prints
def verify(out: Output, source: Path, cid: str | None, follow_links: bool) -> None:
    """Compute the CID that a deploy of DIR will have. With a CID: exit 1 unless it is that one."""
    expected = None if cid is None else Cid.parse(cid)
    imported = import_tree(folder.entries(source, follow_links))
    root, profile = str(imported.root), imported.profile
    answer = {"cid": root, "profile": profile, "files": imported.files, "bytes": imported.bytes}
    out.answer(answer, [root])
    if expected and expected.to_v1() != imported.root:
        hint = f"The import rules are {profile}; others give the same files another CID."
        raise PermanentError("cid_differs", f"{source} is {root}, not {cid}.", hint)
