"""What a request asks for beside the path: not what it has already, or only a part (RFC 9110 §13, §14)."""

import re
from typing import NamedTuple

from werkzeug.wrappers import Request

_RANGE = re.compile(r"bytes=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII | re.IGNORECASE)


class Part(NamedTuple):
    """Bytes `start` to `stop` (exclusive) of a representation; `partial` when the answer says so."""

    start: int
    stop: int
    partial: bool


def has_already(request: Request, etag: str) -> bool:
    """Whether If-None-Match names this entity tag, weakly compared, in a list or as `*`."""
    known = request.if_none_match
    return known.star_tag or known.contains_weak(etag)


def wanted_part(request: Request, etag: str, size: int) -> Part | None:
    """What to send; None when the wanted range is outside (416).

    Several ranges, other units, malformed ones and a failed If-Range ask for the whole, as the RFC allows.
    """
    whole = Part(0, size, False)
    match = _RANGE.fullmatch(request.headers.get("Range", ""))
    if request.method != "GET" or not match or not any(match.groups()):
        return whole
    if request.headers.get("If-Range", f'"{etag}"') != f'"{etag}"':
        return whole
    first, last = match.groups()
    if not first:
        start, stop = max(size - int(last), 0), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return whole
    return Part(start, stop, True) if start < stop else None
