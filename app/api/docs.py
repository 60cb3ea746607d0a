"""The OpenAPI document at `/openapi.json`, and its page at `/docs`, which asks no other host for anything."""

from typing import Any

from flask import Flask, Response, make_response
from flask_openapi.openapi import OpenAPI
from flask_openapi_swagger.plugins import RegisterPlugin

from app.api.errors import Problem, refuse

VERSION = "0.1.0"
_ABOUT = "Errors are problem details (RFC 9457). Every POST takes an Idempotency-Key."
#: The page is one script and one style of its own files, and starts them from within.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'unsafe-inline'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


def documented(name: str) -> OpenAPI:
    """An application whose operations describe themselves, and whose requests are checked against that."""
    return OpenAPI(
        name,
        info={"title": "Antiphon", "version": VERSION, "description": _ABOUT},
        security_schemes={"token": {"type": "http", "scheme": "bearer"}},
        validation_error_model=Problem,
        validation_error_callback=refuse,
        doc_ui=False,
        static_folder=None,
    )


def add_docs(app: OpenAPI) -> None:
    """Serve the document and its page."""
    app.register_blueprint(RegisterPlugin.register(doc_url="/openapi.json"), url_prefix="/docs")
    app.add_url_rule("/openapi.json", "openapi", lambda: _document(app))
    app.add_url_rule("/docs", "docs", lambda: _page(app))


def _document(app: OpenAPI) -> dict[str, Any]:
    """The document, without the 422 that is made up for operations that name none: they check nothing."""
    described: dict[str, Any] = app.api_doc
    for path in described["paths"].values():
        for operation in path.values():
            if "application/json" in operation["responses"].get("422", {}).get("content", ()):
                del operation["responses"]["422"]
    return described


def _page(app: Flask) -> Response:
    shown: Any = app.ensure_sync(app.view_functions["swagger.swagger"])()
    response = make_response(str(shown).replace('"swagger/', '"/docs/swagger/'))
    response.headers["Content-Security-Policy"] = _POLICY
    return response
