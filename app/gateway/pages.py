"""The few pages that the gateway makes itself: a folder's listing, that nothing is here, problems as JSON."""

import json
from collections.abc import Iterable, Iterator
from html import escape
from uuid import uuid4

from werkzeug.wrappers import Response

from app.gateway.mount import REVALIDATE, quoted

_STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.6 system-ui,sans-serif;max-width:46rem;margin:12vh auto;"
    "padding:0 1.5rem}h1{font-size:1.5rem;overflow-wrap:anywhere}a{color:inherit}table{width:100%;"
    "border-collapse:collapse}td{padding:.35rem 0;border-top:1px solid #8884;overflow-wrap:anywhere}"
    "td+td{text-align:right;white-space:nowrap;opacity:.6;padding-left:1rem}p{opacity:.75}"
    "a:hover{text-decoration-thickness:2px}"
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_END = "</main></body></html>\n"


def page(status: int, title: str, text: str) -> Response:
    """A plain page of one heading and one paragraph of text, neither of them HTML."""
    body = f"{_head(title)}<h1>{escape(title)}</h1><p>{escape(text)}</p>{_END}"
    return _closed(Response(body, status, mimetype="text/html"))


def listing(title: str, entries: Iterable[tuple[bytes, bool, int]], root: bool) -> Response:
    """A folder's entries as (name, is a folder, size), in the given order, rendered as they are sent."""
    return _closed(Response(_rows(title, entries, root), 200, mimetype="text/html"))


def problem(status: int, title: str, code: str, detail: str, hint: str) -> Response:
    """An error for machines (RFC 9457), in the words of the API."""
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "hint": hint,
        "request_id": uuid4().hex,
    }
    response = Response(json.dumps(body) + "\n", status, mimetype="application/problem+json")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _closed(response: Response) -> Response:
    """These pages need nothing from anywhere."""
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = REVALIDATE
    return response


def _head(title: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body><main>'
    )


def _rows(title: str, entries: Iterable[tuple[bytes, bool, int]], root: bool) -> Iterator[str]:
    up = "" if root else '<tr><td><a href="../">../</a></td><td></td></tr>'
    yield f"{_head(title)}<h1>{escape(title)}</h1><table>{up}"
    for name, is_folder, size in entries:
        slash = "/" * is_folder
        shown = escape(name.decode("utf-8", "replace")) + slash
        href = escape(f"./{quoted(name)}{slash}")
        yield f'<tr><td><a href="{href}">{shown}</a></td><td>{"" if is_folder else _bytes(size)}</td></tr>'
    yield f"</table>{_END}"


def _bytes(size: int) -> str:
    if size < 1000:
        return f"{size} B"
    for power, unit in enumerate(("kB", "MB"), 1):
        if size < 1000 ** (power + 1):
            return f"{size / 1000**power:.1f} {unit}"
    return f"{size / 1000**3:.1f} GB"
