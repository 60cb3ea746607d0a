"""The declared graph: which events lead to which listeners, actions and further events."""

from typing import Any, Literal

from flask import Response
from pydantic import BaseModel

from app.api.auth import scope
from app.api.v1 import v1
from app.engine import graph

TAGS: Any = [{"name": "Graph", "description": "What leads to what."}]

_TEXT = {"text/vnd.mermaid": {"schema": {"type": "string"}}}


class GraphQuery(BaseModel):
    """In which form."""

    format: Literal["json", "mermaid"] = "json"


class GraphAnswer(BaseModel):
    """Events, listeners and actions, which refer to one another by name."""

    events: list[dict[str, Any]]
    listeners: list[dict[str, Any]]
    actions: list[dict[str, Any]]


@v1.get("/graph", tags=TAGS, responses={200: GraphAnswer})
@scope("read")
def show_graph(query: GraphQuery) -> Any:
    """What is declared to lead to what, as data or as a picture's text."""
    if query.format == "mermaid":
        return Response(graph.mermaid(), content_type="text/vnd.mermaid; charset=utf-8")
    return graph.describe()
