"""The manifest of the pages, and what an application needs for them: a cookie that only the browser holds."""

from datetime import timedelta

from flask import Flask

from app.web import access, flow, home, looks, problems, signing
from app.web.blueprint import web

#: What stands on the blueprint.
PARTS = (access, signing, home, flow, looks, problems)
SESSION = {
    "SESSION_COOKIE_NAME": "antiphon",
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_SAMESITE": "Strict",
    "SESSION_REFRESH_EACH_REQUEST": False,
    "PERMANENT_SESSION_LIFETIME": timedelta(days=14),
}


def add_pages(app: Flask) -> None:
    """Let an application show the pages; it knows PUBLIC_URL, GATEWAY_URL and SECRET_KEY already."""
    app.config.update(SESSION, SESSION_COOKIE_SECURE=app.config["PUBLIC_URL"].startswith("https:"))
    app.register_blueprint(web)
