"""Lists: how much of them is asked for, and how an answer says that there is more."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, Field

from app.api.requests import Text

MOST = 200

Row = TypeVar("Row")
#: The place of an event in the log, as a cursor.
Place = Annotated[str, Field(pattern="^[0-9]{1,18}$")]


class Page(BaseModel):
    """The part of a list that is asked for."""

    limit: Annotated[int, Field(ge=1), AfterValidator(lambda wished: min(wished, MOST))] = Field(
        50, description=f"How many; more than {MOST} is as good as {MOST}."
    )
    after: Text | None = Field(None, description="The `next` of the answer before.")


class Listed(BaseModel):
    """The part of a list that was asked for. `next` is the cursor of what follows, null at the end."""

    next: str | None


def listed(
    rows: Sequence[Row], limit: int, answer: Callable[[Row], Any], cursor: Callable[[Row], Any]
) -> dict[str, Any]:
    """The answer with `limit` rows; `rows` has one more when there is more."""
    shown = rows[:limit]
    following = str(cursor(shown[-1])) if len(rows) > limit else None
    return {"items": [answer(row) for row in shown], "next": following}
