"""The platform as the commands see it: its HTTP API, spoken over the network or inside this process.

Apart so that a command is written once, and says and does the same on this machine and from far away.
"""

from collections.abc import Iterator
from typing import IO, Any
from urllib.parse import quote

import httpx2

from app.cli.stream import Message, messages
from app.errors import InvalidInput, PermanentError, RetryableError
from config import addresses

#: Seconds: a server that is silent for longer is taken for gone. An open stream says something more often.
PATIENCE = httpx2.Timeout(60.0, connect=10.0)
#: What the command line knows better than the API.
HINTS = {"token_missing": "Give --token, or set ANTIPHON_TOKEN."}


class Platform:
    """One platform, reached through `client`, which knows where it is and who asks."""

    def __init__(self, client: httpx2.Client, *, inside: bool = False) -> None:
        self._client = client
        #: Whether it is this process, so that what is on this machine is its own.
        self.inside = inside

    def get(self, path: str, **query: Any) -> Any:
        """What stands at `path`; parameters that are None are left out."""
        return self._send("GET", path, params=_given(query)).json()

    def text(self, path: str, **query: Any) -> str:
        """The same for what is not JSON."""
        return self._send("GET", path, params=_given(query)).text

    def ask(self, path: str) -> tuple[int, Any]:
        """The status and the JSON of an answer, whatever the status."""
        try:
            response = self._client.get(path)
            return response.status_code, response.json()
        except (httpx2.TransportError, ValueError) as error:
            raise self._unreachable(error) from error

    def items(self, path: str, limit: int, **query: Any) -> list[Any]:
        """Up to `limit` items of a list, over as many answers as that takes."""
        found: list[Any] = []
        after = query.pop("after", None)
        while len(found) < limit:
            page = self.get(path, limit=min(200, limit - len(found)), after=after, **query)
            found += page["items"]
            after = page["next"]
            if after is None:
                break
        return found

    def post(self, path: str, **fields: Any) -> Any:
        """Ask for something; fields that are None are left out."""
        return self._send("POST", path, json=_given(fields)).json()

    def put(self, path: str, **fields: Any) -> Any:
        """Make something so; fields that are None are left out."""
        return self._send("PUT", path, json=_given(fields)).json()

    def patch(self, path: str, **fields: Any) -> Any:
        """Change something."""
        return self._send("PATCH", path, json=fields).json()

    def delete(self, path: str) -> Any:
        """Remove something; returns what is said of it, None when that is nothing."""
        answer = self._send("DELETE", path)
        return answer.json() if answer.content else None

    def upload(self, path: str, archive: IO[bytes], **fields: str | None) -> Any:
        """Send an archive as it is read, never holding all of it in memory, with form fields beside it."""
        files = {"archive": ("site.zip", archive, "application/zip")}
        return self._send("POST", path, files=files, data=_given(fields)).json()

    def stream(self, path: str, after: int, **query: Any) -> Iterator[Message | None]:
        """Messages of an event stream behind the place `after`, as they come; None for a sign of life.

        Ends when the server ends it; RetryableError `server_unreachable` when the line breaks.
        """
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        asking = self._client.stream("GET", path, params=_given(query), headers=headers)
        try:
            with asking as response:
                if response.is_error:
                    response.read()
                    raise refusal(response)
                yield from messages(response.iter_lines())
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error

    def _send(self, method: str, path: str, **request: Any) -> httpx2.Response:
        try:
            response = self._client.request(method, path, **request)
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error
        if response.is_error:
            raise refusal(response)
        return response

    def _unreachable(self, error: Exception) -> RetryableError:
        message = f"{self._client.base_url} does not answer: {str(error) or type(error).__name__}."
        return RetryableError("server_unreachable", message, "Check --server and whether it runs.")


def at(*parts: str) -> str:
    """The path of something in the API. InvalidInput `name_invalid` for what can be no part of one."""
    for part in parts:
        if part in ("", ".", "..") or "/" in part:
            raise InvalidInput("name_invalid", f"“{part}” is the name of nothing.", "See the list of them.")
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def remote(server: str, token: str | None) -> Platform:
    """The platform at the address `server`. InvalidInput `server_invalid` when it is none."""
    try:
        url = httpx2.URL(addresses.web_address(server))
    except (ValueError, httpx2.InvalidURL) as error:
        message, hint = f"“{server}” is no address of a server.", "Say it like https://deploy.example.org"
        raise InvalidInput("server_invalid", message, hint) from error
    client = httpx2.Client(
        base_url=url,
        headers={"Authorization": f"Bearer {token}"} if token else {},
        timeout=PATIENCE,
        transport=httpx2.HTTPTransport(retries=2),
    )
    return Platform(client)


def refusal(response: httpx2.Response) -> PermanentError:
    """What an answer that is an error says, as an error of this process."""
    try:
        problem = response.json()
        code = problem["code"]
        hint = HINTS.get(code) or problem.get("hint") or ""
        return PermanentError(code, problem["detail"], hint, evidence=problem.get("evidence"))
    except (ValueError, KeyError, TypeError):
        message = f"{response.url} answered {response.status_code} and not what the platform says."
        return PermanentError("answer_unknown", message, "Check that --server is the address of Antiphon.")


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
