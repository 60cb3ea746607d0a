"""`explain` by HTTP and on the command line: each event and each listener have an answer."""

from collections.abc import Callable

from tests.fixtures.api import Api, recorded, refused
from tests.fixtures.visitors import Terminal


def first_event(api: Api) -> str:
    return str(api.get(f"/v1/flows/{api.deploy()['flow']}").json["events"][0]["id"])


def test_every_listener_of_the_platform_is_explained(api: Api, drain: Callable[..., int]) -> None:
    event = first_event(api)
    drain()
    answer = api.get(f"/v1/events/{event}/explain").json
    names = [listener["name"] for listener in api.get("/v1/graph").json["listeners"]]
    assert answer["next"] is None
    assert sorted(each["listener"] for each in answer["items"]) == sorted(names)
    fired = [each for each in answer["items"] if each["fired"]]
    made = api.get(f"/v1/events/{event}").json["reactions"]
    assert {(each["listener"], each["reaction"], each["state"]) for each in fired} == {
        (each["listener"], each["id"], each["state"]) for each in made
    }
    for each in answer["items"]:
        assert each["reason"].endswith(".")
        assert (each["reaction"] is None) == (each["code"] == "type_differs") == (not each["fired"])


def test_one_listener_is_asked_for_by_name(api: Api) -> None:
    event = first_event(api)
    [every] = [each for each in api.get(f"/v1/events/{event}/explain").json["items"] if each["fired"]][:1]
    asked = api.get(f"/v1/events/{event}/explain", query_string={"listener": every["listener"]}).json
    assert asked == {"items": [every], "next": None}


def test_what_is_not_there_and_what_is_not_theirs_is_refused(api: Api) -> None:
    event = first_event(api)
    refused(api.get("/v1/events/nothing/explain"), 404, "event_not_found")
    refused(api.get(f"/v1/events/{event}/explain?listener=nobody"), 404, "listener_not_found")
    refused(api.get(f"/v1/events/{event}/explain?listener="), 404, "listener_not_found")
    refused(api.get(f"/v1/events/{event}/explain?listener=%00"), 422, "request_invalid")
    api.post("/v1/sites", {"slug": "other"})
    stranger = api.bearing("admin", site="other")
    refused(stranger.get(f"/v1/events/{event}/explain"), 403, "token_of_another_site")
    refused(Api(api.app).get(f"/v1/events/{event}/explain"), 401, "token_missing")
    assert api.bearing("read").get(f"/v1/events/{event}/explain").status_code == 200


def test_the_command_line_tells_it_in_lines_and_as_json(
    terminal: Terminal, drain: Callable[..., int]
) -> None:
    terminal("sites", "create", "blog")
    drain()
    [created] = [event for event in recorded("site.created") if event.data["site"] == "blog"]
    lines = terminal("events", "explain", created.id).splitlines()
    assert lines[0].split() == ["LISTENER", "CODE", "WHY"]
    assert any("type_differs" in line and "this is site.created." in line for line in lines)
    every = terminal.json("events", "explain", created.id)
    assert len(every) == len(lines) - 1
    assert terminal.json("events", "explain", created.id, every[0]["listener"]) == every[:1]
    assert "[listener_not_found]" in terminal.error("events", "explain", created.id, "nobody")
    assert "[event_not_found]" in terminal.error("events", "explain", "nothing")
