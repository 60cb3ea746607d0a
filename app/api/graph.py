"""The declared graph: which events lead to which listeners, actions and further events."""

from typing import Any, Literal

from flask import Response
from pydantic import BaseModel

from app.api.auth import scope
from app.api.requests import Text
from app.api.v1 import v1
from app.engine import declared, graph, reading
from app.engine.signal import SIGNALS
from app.errors import InvalidInput

TAGS: Any = [{"name": "Graph", "description": "What leads to what."}]

MERMAID = "text/vnd.mermaid"
_PARTS = {name: {"type": "array", "items": {"type": "object"}} for name in ("events", "listeners", "actions")}
_JSON = {"type": "object", "required": list(_PARTS), "properties": _PARTS}
_OPENAPI: Any = {
    200: {"content": {"application/json": {"schema": _JSON}, MERMAID: {"schema": {"type": "string"}}}}
}


class GraphQuery(BaseModel):
    """In which form, and how much of it: `flow` is a kind of flow, for the picture alone."""

    format: Literal["json", "mermaid"] = "json"
    flow: Text | None = None


@v1.get("/graph", tags=TAGS, responses=_OPENAPI)
@scope("read")
def show_graph(query: GraphQuery) -> Any:
    """What is declared to lead to what, as data or as a picture's text."""
    with reading() as db:
        elsewhere = declared.elsewhere(db)
    if query.format == "mermaid":
        if query.flow not in (None, *(signal.starts for signal in SIGNALS.values())):
            raise InvalidInput("flow_kind_unknown", "No flow is of that kind.", "Try deploy, or rollback.")
        return Response(graph.mermaid(query.flow, elsewhere), content_type=f"{MERMAID}; charset=utf-8")
    return graph.describe(elsewhere)
