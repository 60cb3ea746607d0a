"""What the pages answer when something is missing or wrong: a page with a way on, never a bare error."""

from flask import render_template
from werkzeug.exceptions import Forbidden, NotFound

from app.engine.health import DatabaseAway
from app.web.blueprint import web

Answer = tuple[str, int]


@web.errorhandler(NotFound)
def missing(_error: NotFound) -> Answer:
    """No such flow, or none that the visitor may see."""
    message = "There is no such flow, or this token may not see it."
    return render_template("missing.html", title="Nothing here", message=message), 404


@web.errorhandler(Forbidden)
def foreign(_error: Forbidden) -> Answer:
    """A form that did not come from our pages."""
    message = "The form was sent by another site, so nothing was done."
    hint = "If you meant it, do it here."
    return render_template("missing.html", title="Not from here", message=message, hint=hint), 403


@web.errorhandler(DatabaseAway)
def away(_error: DatabaseAway) -> Answer:
    """Nothing can be shown without the database."""
    message = "The database does not answer."
    hint = "Is it running, and was it migrated (flask release)? flask doctor tells."
    return render_template("missing.html", title="Not now", message=message, hint=hint), 503
