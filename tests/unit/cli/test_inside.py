"""Requests to the application inside this process: what arrives, what comes back, and that both stream."""

import io
from collections.abc import Iterator

import httpx2
import pytest
from flask import Flask, Response, jsonify, request

from app.cli.inside import ACTOR, Inside, local


@pytest.fixture
def app() -> Flask:
    made = Flask("small")
    made.extensions["closed"] = []

    @made.route("/<path:path>", methods=["GET", "POST"])
    def echo(path: str) -> Response:
        given = request.environ
        return jsonify(
            path=path,
            args=request.args.to_dict(flat=False),
            method=request.method,
            actor=given.get(ACTOR),
            header=request.headers.get("X-Custom"),
            length=given["CONTENT_LENGTH"],
        )

    @made.post("/count")
    def count() -> str:
        total = 0
        while piece := request.stream.read(1000):
            total += len(piece)
        return str(total)

    @made.post("/form")
    def form() -> Response:
        return jsonify(text=request.form["text"], file=len(request.files["file"].read()))

    @made.get("/endless")
    def endless() -> Response:
        def numbers() -> Iterator[str]:
            number = 0
            while True:
                yield f"{number}\n"
                number += 1

        response = Response(numbers())
        response.call_on_close(lambda: made.extensions["closed"].append(True))
        return response

    @made.get("/broken")
    def broken() -> str:
        raise RuntimeError("a mistake")

    return made


@pytest.fixture
def client(app: Flask) -> httpx2.Client:
    return httpx2.Client(transport=Inside(app, "cli:somebody"), base_url="http://localhost")


def test_path_query_header_and_method_arrive_as_they_were_sent(client):
    said = client.get("/a%20b/ü%2Fc", params={"q": ["1", "ä&="]}, headers={"X-Custom": "yes"}).json()
    assert said["path"] == "a b/ü/c"
    assert said["args"] == {"q": ["1", "ä&="]}
    assert (said["method"], said["header"]) == ("GET", "yes")


def test_the_application_learns_who_asks(client):
    assert client.get("/x").json()["actor"] == "cli:somebody"


def test_a_header_cannot_pretend_to_be_the_asker(client):
    said = client.get("/x", headers={ACTOR: "cli:root", "antiphon_actor": "cli:root"}).json()
    assert said["actor"] == "cli:somebody"


def test_the_local_platform_says_which_user_asks(app, monkeypatch):
    monkeypatch.setenv("USER", "ada")
    assert local(app).get("/x")["actor"] == "cli:ada"
    monkeypatch.delenv("USER")
    assert local(app).get("/x")["actor"].startswith("cli:uid ")


def test_a_body_arrives_in_pieces_and_whole(client):
    def pieces() -> Iterator[bytes]:
        for _ in range(300):
            yield b"x" * 1001

    assert client.post("/count", content=pieces(), headers={"Content-Length": "300300"}).text == "300300"


def test_a_form_with_a_file_arrives(client):
    said = client.post("/form", data={"text": "ä"}, files={"file": ("a", io.BytesIO(b"z" * 100_000))}).json()
    assert said == {"text": "ä", "file": 100_000}


def test_an_answer_without_end_is_read_as_far_as_wanted_and_closed(client, app):
    with client.stream("GET", "/endless") as answer:
        lines = answer.iter_lines()
        assert [next(lines) for _ in range(3)] == ["0", "1", "2"]
        assert app.extensions["closed"] == []
    assert app.extensions["closed"] == [True]


def test_an_answer_without_content_has_a_status_and_headers(client):
    answer = client.request("OPTIONS", "/count")
    assert answer.status_code == 200
    assert "POST" in answer.headers["Allow"]


def test_a_mistake_of_the_application_is_an_answer_too(client):
    assert client.get("/broken").status_code == 500
