"""How a command gets its platform and its output: three options that all of them share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Concatenate, ParamSpec

import rich_click as click
from flask import Flask, current_app
from flask.cli import with_appcontext

from app.cli.inside import local
from app.cli.output import Output, Refused
from app.cli.platform import Platform, remote
from app.errors import InvalidInput, PlatformError

P = ParamSpec("P")

_server = click.option(
    "--server", envvar="ANTIPHON_SERVER", metavar="URL", help="Ask this platform. [default: the one here]"
)
_token = click.option(
    "--token", envvar="ANTIPHON_TOKEN", metavar="T", help="Who asks; needed with --server only."
)
_as_json = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")


def at_most(many: int, *, least: int = 1, about: str = "So many at most.") -> Callable[[Any], Any]:
    """The option --limit, by default `many`."""
    number = click.IntRange(min=least)
    return click.option("--limit", type=number, default=many, show_default=True, help=about)


def asks(command: Callable[Concatenate[Platform, Output, P], None]) -> Callable[..., None]:
    """A command that asks a platform: the one at --server, else the one here."""

    @wraps(command)
    def run(server: str | None, token: str | None, as_json: bool, **given: Any) -> None:
        with spoken(as_json=as_json):
            platform = remote(server, token) if server else _here()
            command(platform, Output(as_json=as_json), **given)  # type: ignore[call-arg]  # click knows the names

    return _server(_token(_as_json(with_appcontext(run))))


def prints(command: Callable[Concatenate[Output, P], None]) -> Callable[..., None]:
    """A command that does its work here and prints an answer."""

    @wraps(command)
    def run(as_json: bool, **given: Any) -> None:
        with spoken(as_json=as_json):
            command(Output(as_json=as_json), **given)  # type: ignore[call-arg]  # click knows the names

    return _as_json(with_appcontext(run))


def _here() -> Platform:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # what the proxy stands for
    return local(app)


@contextmanager
def spoken(*, as_json: bool = False) -> Iterator[None]:
    """Tell an error of the platform as the command's end, with exit code 1."""
    try:
        yield
    except PlatformError as error:
        raise Refused(error, as_json=as_json) from error
    except UnicodeEncodeError as error:
        odd = InvalidInput("text_encoding", "What was typed is not UTF-8.", "Type it in another way.")
        raise Refused(odd, as_json=as_json) from error
