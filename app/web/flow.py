"""The page of one flow: everything that its first event caused, in the order in which it happened."""

from flask import abort, render_template

from app.engine import now, reading
from app.engine.log import read_flow
from app.engine.views import get_flow, reactions_of_flow
from app.models import deploys
from app.web.access import visible_stream
from app.web.blueprint import web
from app.web.timeline import WIDTH, timeline


@web.get("/flows/<flow_id>")
def flow(flow_id: str) -> str:
    """The timeline; it keeps itself up to date while the flow goes on."""
    with reading() as db:
        found = get_flow(db, flow_id)
        if found is None or visible_stream() not in (None, found.stream):
            abort(404)
        events, reactions = read_flow(db, flow_id), reactions_of_flow(db, flow_id)
        deploy = deploys.get(db, found.subject)
    moments = timeline(events, reactions, now())
    goes_on = found.ended_at is None or any(each.ended_at is None for each in reactions)
    seen = max((event.position or 0 for event in events), default=0)
    stream = f"/v1/events/stream?flow={found.id}&after={seen}" if goes_on else None
    return render_template(
        "flow.html", flow=found, moments=moments, deploy=deploy, stream=stream, width=WIDTH
    )
