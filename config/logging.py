"""Log lines: past-tense sentences with fields, for people on a terminal and as JSON everywhere else.

Apart because every process sets it up once, at its root, and nobody else touches handlers.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

HIDDEN = "[hidden]"
_SECRET_NAME = re.compile(r"secret|token|passw|authorization|cookie|api_?key|private", re.IGNORECASE)
_SECRET_TEXT = (
    (re.compile(r"\b(bearer\s+)[\w.~+/=-]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(://[^\s:/@]*:)[^\s@/]+(?=@)"), rf"\1{HIDDEN}"),
    (re.compile(r"(/hooks/deploy/|\bwhsec_)[\w+/=-]+"), rf"\1{HIDDEN}"),
)
_QUIET = ("alembic.runtime.plugins", "amqp", "kombu", "celery.redirected", "httpcore2", "httpx2", "urllib3")


def redact(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide secrets: whole fields by their name, passwords in addresses and bearer tokens in any text."""
    for name, value in line.items():
        line[name] = HIDDEN if _SECRET_NAME.search(name) and value else _without_secrets(value)
    return line


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        for pattern, shown in _SECRET_TEXT:
            value = pattern.sub(shown, value)
        return value
    if isinstance(value, dict):
        return redact(None, "", dict(value))
    if isinstance(value, list | tuple):
        return [_without_secrets(item) for item in value]
    return value


def configure_logging(level: str | int = "INFO", out: TextIO | None = None) -> None:
    """Set up structlog and the standard library's logging alike; calling it again replaces what was there.

    Lines go to `out` (standard error): coloured sentences on a terminal, else one JSON object a line.
    """
    stream = out or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.PositionalArgumentsFormatter()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(stream)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _renderers(stream: TextIO) -> list[Processor]:
    if stream.isatty():
        return [structlog.dev.ConsoleRenderer()]
    return [
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer("message"),
        structlog.processors.JSONRenderer(default=str),
    ]
