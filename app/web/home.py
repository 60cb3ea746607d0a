"""The first page: the sites with what they serve, and the newest flows."""

from flask import abort, current_app, render_template, request

from app.engine import reading
from app.engine.views import flow_page
from app.models import deploys, sites
from app.web.access import visible_stream, visitor
from app.web.blueprint import web

SITES, FLOWS = 100, 25


@web.get("/")
def home() -> str:
    """Sites and flows; `?before=<flow>` shows older flows."""
    before = request.args.get("before")
    if before and not before.isprintable():
        abort(404)
    with reading() as db:
        shown = [] if before else sites.page(db, SITES, only=visitor().site_id)
        live = deploys.several(db, [site.live_deploy_id for site in shown if site.live_deploy_id])
        flows = flow_page(db, FLOWS + 1, before, stream=visible_stream())
    return render_template(
        "home.html",
        sites=[(site, live.get(site.live_deploy_id or "")) for site in shown],
        flows=flows[:FLOWS],
        older=flows[FLOWS - 1].id if len(flows) > FLOWS else None,
        before=before,
        server=current_app.config["PUBLIC_URL"],
    )
