"""The conditions of listeners over several events, as `/v1/listeners` has them."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from app.api.requests import Text

Globs = Annotated[list[Text], Field(min_length=1, max_length=20, examples=[["site.deploy.*"]])]
Seconds = Annotated[float, Field(gt=0, le=31 * 24 * 3600, examples=[3600])]


class Count(BaseModel):
    """So many events within so many seconds."""

    times: int = Field(ge=2, le=1000)
    within: Seconds


class Another(BaseModel):
    """Another event, of these types and under this pattern, within so many seconds after the first."""

    on: Globs
    when: dict[str, Any] | None = None
    within: Seconds


class Conditioned(BaseModel):
    """What a listener waits for over several events: `count` of them, one and `then` another, one `unless`
    another comes. `for_each` is a field of all of them (`data.site`): of each of its values by itself.

    It answers `listener.condition_met` then, not the events themselves.
    """

    count: Count | None = None
    then: Another | None = None
    unless: Another | None = None
    for_each: Text | None = None
