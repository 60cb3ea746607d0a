"""Uploads: an archive streams from the request into the spool, is looked into, and is refused or kept.

Nothing of it is ever held in memory, and what is refused or cut off leaves no file behind.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import IO, Any, Self, cast

from flask import Request
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from app.api.auth import asker
from app.api.requests import is_storable
from app.api.threads import aside
from app.commands.deploys import LONGEST, Version, refuse_upload
from app.content.archive import inspect
from app.content.members import Limits
from app.engine import recording
from app.errors import InvalidInput, PlatformError, TooLarge, Unsupported
from app.services.spool.port import Spool, Spooled
from app.signals.deploys import ArchiveSource, Finding

#: What a body may have besides the archive: the fields, and with their boundaries and headers all of it.
FIELDS_BYTES, FIELDS, BESIDES = 512 << 10, 20, 1 << 20
#: After so many bytes others get a turn.
TURN = 1 << 20
#: Seconds in which a sender must send something.
PATIENCE = 60.0

_ARCHIVE = {"type": "string", "format": "binary", "description": "A zip, a tar or a tar.gz of the site."}
_FIELDS = {name: {"type": "string", "maxLength": longest} for name, longest in LONGEST.items()}
_FORM = {"type": "object", "required": ["archive"], "properties": {"archive": _ARCHIVE, **_FIELDS}}
#: How the OpenAPI document describes an upload.
BODY: Any = {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}


class Upload:
    """One archive on its way in. As a context manager it leaves nothing in the spool unless it was kept."""

    def __init__(self, spool: Spool, limit: int) -> None:
        self._spool = spool
        self._writer = spool.create()
        self._limit = limit
        self._size = 0
        self._parts = 0
        self._kept = False
        self._spooled: Spooled | None = None
        self.version = Version()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.abort()
        if self._spooled and not self._kept:
            self._spool.remove(self._spooled.key)

    def read(self, sent: Request) -> Spooled:
        """Take in the body of a request, fields and archive, durably."""
        if sent.mimetype != "multipart/form-data":
            what = f"The body is {sent.mimetype or 'of no stated type'}, not multipart/form-data."
            hint = "Send the archive as a file in the form field “archive”."
            raise Unsupported("content_type_unsupported", what, hint)
        with _patient(sent):
            fields, files = self._parse(sent)
        if "archive" not in files:
            hint = "Send a zip, tar or tar.gz as a file in the form field “archive”."
            raise InvalidInput("archive_missing", "There is no file in the field “archive”.", hint)
        self.version = Version(**{name: _said(fields, name) for name in LONGEST})
        self._spooled = aside(self._writer.commit)
        return self._spooled

    def inspect(self, spooled: Spooled, limits: Limits) -> ArchiveSource:
        """Look into the archive, in a thread of its own because it takes a while."""
        found = aside(partial(inspect, self._spool.path(spooled.key), limits))
        return ArchiveSource(
            key=spooled.key,
            sha256=spooled.sha256,
            size=spooled.size,
            format=found.format,
            files=found.files,
            bytes=found.bytes,
            warnings=tuple(Finding(**asdict(each)) for each in found.warnings),
        )

    def keep(self) -> None:
        """Leave the archive in the spool: a deploy is being asked for that will read it."""
        self._kept = True

    def _parse(self, sent: Request) -> tuple[MultiDict[str, str], MultiDict[str, FileStorage]]:
        length = sent.content_length or 0
        sent.max_content_length = self._limit + BESIDES
        take_file: Any = self._part
        parser = FormDataParser(take_file, FIELDS_BYTES, silent=False, max_form_parts=FIELDS)
        try:
            return parser.parse(sent.stream, sent.mimetype, length, sent.mimetype_params)[1:]
        except ClientDisconnected as error:
            raise _cut() from error
        except RequestEntityTooLarge as error:
            raise _too_large(self._limit if length > self._limit else None) from error
        except ValueError as error:
            if _broke_off(sent.stream, length):
                raise _cut() from error
            hint = "Let a library or curl -F put it together."
            raise InvalidInput("multipart_invalid", f"The form cannot be read: {error}.", hint) from error

    # what the parser needs of a file

    def _part(self, **_about: object) -> IO[bytes]:
        self._parts += 1
        if self._parts > 1:
            raise InvalidInput("archive_repeated", "There is more than one file.", "Send one archive.")
        return cast("IO[bytes]", self)

    def write(self, data: bytes) -> int:
        """Take more of the archive."""
        if (self._size + len(data)) // TURN > self._size // TURN:
            time.sleep(0)  # a fast sender must not hold up all others
        self._size += len(data)
        return self._writer.write(data)

    def seek(self, _place: int) -> int:
        """The parser goes back to the start, where nobody reads."""
        return 0

    def close(self) -> None:
        """The parser is done with it."""


@contextmanager
def noted(slug: str) -> Iterator[None]:
    """Record what is raised inside as `storage.upload.failed` of the site."""
    try:
        yield
    except PlatformError as error:
        with recording(actor=asker().actor) as log:
            refuse_upload(log, slug, error)
        raise


@contextmanager
def _patient(sent: Request) -> Iterator[None]:
    """A sender that falls silent counts as gone, where the server lets us see its socket."""
    socket = sent.environ.get("gunicorn.socket")
    if socket is None:
        yield
        return
    socket.settimeout(PATIENCE)
    try:
        yield
    finally:
        socket.settimeout(None)


def _said(fields: MultiDict[str, str], name: str) -> str | None:
    said = fields.get(name)
    if said and not (is_storable(said) and len(said) <= LONGEST[name]):
        hint = f"Use at most {LONGEST[name]:,} characters, and no NUL."
        raise InvalidInput("version_invalid", f"The field {name} cannot be kept.", hint)
    return said or None


def _broke_off(stream: IO[bytes], length: int) -> bool:
    """Whether fewer bytes came than were announced."""
    try:
        return stream.tell() < length and not stream.read(1)
    except ClientDisconnected:
        return True


def _cut() -> InvalidInput:
    return InvalidInput("connection_reset", "The upload broke off before its end.", "Send it again.")


def _too_large(limit: int | None) -> TooLarge:
    if limit is None:
        what = f"The fields beside the archive are larger than {FIELDS_BYTES:,} bytes, or too many."
        return TooLarge("fields_too_large", what, "Send the archive as a file, with a file name.")
    what = f"The upload is larger than {limit:,} bytes."
    hint = "Deploy less, or raise MAX_UPLOAD_BYTES."
    return TooLarge("source_too_large", what, hint, evidence={"limit": limit})
