"""Content types by file name, the same on every machine: the system's own tables are not read."""

import codecs
import mimetypes

_TYPES = mimetypes.MimeTypes(filenames=())
_MODERN = {
    ".avif": "image/avif",
    ".cbor": "application/cbor",
    ".gltf": "model/gltf+json",
    ".glb": "model/gltf-binary",
    ".heic": "image/heic",
    ".ico": "image/vnd.microsoft.icon",
    ".jsonld": "application/ld+json",
    ".jxl": "image/jxl",
    ".map": "application/json",
    ".markdown": "text/markdown",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".js": "text/javascript",
    ".ndjson": "application/x-ndjson",
    ".opus": "audio/ogg",
    ".otf": "font/otf",
    ".rss": "application/rss+xml",
    ".atom": "application/atom+xml",
    ".toml": "text/plain",
    ".ttf": "font/ttf",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webm": "video/webm",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
_PACKED = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}
_TEXT = frozenset({"application/xml", "application/rss+xml", "application/atom+xml", "image/svg+xml"})

for _ending, _type in _MODERN.items():
    _TYPES.add_type(_type, _ending)


def type_of(name: str) -> str | None:
    """The value of Content-Type for a file name; None when the name does not tell."""
    kind, packed = _TYPES.guess_type(f"/{name.lower()}")
    if packed:
        return _PACKED.get(packed, "application/octet-stream")
    return kind if kind is None else _with_charset(kind)


def type_of_content(start: bytes) -> str:
    """For names that do not tell: plain text if it looks like UTF-8, else bytes. Never anything that runs."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(start)  # its last character may be cut
    except UnicodeDecodeError:
        return "application/octet-stream"
    binary = any(letter < " " and letter not in "\t\n\f\r\x1b" for letter in text)
    return "application/octet-stream" if binary else _with_charset("text/plain")


def _with_charset(kind: str) -> str:
    return f"{kind}; charset=utf-8" if kind.startswith("text/") or kind in _TEXT else kind
