"""Puts the web process together: settings, tables, the API, the pages and the commands of `flask`."""

from flask import Flask

from app import models as models
from app.api import docs, errors, requests
from app.api.backlog import Backlog
from app.api.stream import Newest
from app.api.v1 import entrance, v1, watched
from app.cli.commands import add_commands
from app.web.pages import add_pages
from config.settings import Settings, get_settings


def create_app(
    settings: Settings | None = None,
    *,
    spool: object = None,
    check_url: object = None,
    check_channel: object = None,
) -> Flask:
    """The application; `spool` is where uploads go, `check_url` refuses addresses that may not be called and
    `check_channel` ways of telling people: the faces may not open these themselves.

    Every setting stands in its `config` under its variable's name.
    """
    settings = settings or get_settings()
    app = docs.documented(__name__)
    app.config.update({name.upper(): value for name, value in settings.model_dump().items()})
    app.config["SECRET_KEY"] = settings.secret_key
    app.extensions["spool"] = spool
    app.extensions["check_url"] = check_url
    app.extensions["check_channel"] = check_channel
    app.extensions["newest"] = Newest()
    app.extensions["backlog"] = Backlog(settings.max_backlog)
    requests.register(app)
    errors.register(app)
    app.register_api(v1)
    app.register_api(watched)
    app.register_api(entrance)
    docs.add_docs(app)
    add_pages(app)
    add_commands(app)
    return app
