"""The groups of endpoints: `entrance`, which is open, and `v1` and `watched`, where everybody must say who
they are.
"""

from typing import Any

from flask_openapi.blueprint import APIBlueprint

from app.api.auth import admit
from app.api.errors import problems
from app.api.requests import refuse_unknown

#: What any operation of `v1` may answer.
_ALWAYS: Any = problems(401, 403, 422, 503)

v1 = APIBlueprint("v1", __name__, url_prefix="/v1", abp_security=[{"token": []}], abp_responses=_ALWAYS)
v1.before_request(admit)
v1.before_request(refuse_unknown)

#: What a program of operators looks at, away from the versions of the API.
watched = APIBlueprint(
    "watched", __name__, abp_security=[{"token": []}], abp_responses=problems(401, 403, 503)
)
watched.before_request(admit)

entrance = APIBlueprint("entrance", __name__)
