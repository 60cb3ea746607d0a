"""The two groups of endpoints: `v1`, where everybody must say who they are, and `entrance`, which is open."""

from typing import Any

from flask_openapi.blueprint import APIBlueprint

from app.api.auth import admit
from app.api.errors import problems

#: What any operation of `v1` may answer.
_ALWAYS: Any = problems(401, 403, 422, 503)

v1 = APIBlueprint("v1", __name__, url_prefix="/v1", abp_security=[{"token": []}], abp_responses=_ALWAYS)
v1.before_request(admit)

entrance = APIBlueprint("entrance", __name__)
