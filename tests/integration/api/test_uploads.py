"""Archives over HTTP: what is accepted, and every way in which an upload is refused."""

import io
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from app.services.spool import open_spool
from tests.fixtures.api import SITE_ZIP, Api, hello, recorded, refused, spooled, started
from tests.unit.content.forge import (
    END,
    SITE,
    all_formats,
    packed,
    raw_zip,
    tar_header,
    tar_of,
    tar_part,
    zip_of,
    zip_with_mode,
)

DEPLOYS = "/v1/sites/hello/deploys"
FORM = "multipart/form-data; boundary=B"


def part(name: str, content: bytes, file: str | None = None) -> bytes:
    head = f'--B\r\nContent-Disposition: form-data; name="{name}"'
    return (head + (f'; filename="{file}"' if file else "")).encode() + b"\r\n\r\n" + content + b"\r\n"


def refused_upload(api: Api, tmp_path: Path, code: str, status: int, **sent: Any) -> dict[str, Any]:
    """The upload is refused, recorded once as `storage.upload.failed`, and leaves nothing in the spool."""
    answer = api.upload(DEPLOYS, **sent) if "content_type" not in sent else api.post(DEPLOYS, **sent)
    problem = refused(answer, status, code)
    (failed,) = recorded("storage.upload.failed")
    assert failed.data["site"] == "hello"
    assert failed.data["deploy_id"] is None
    failure = failed.data["failure"]
    assert (failure["code"], failure["stage"], failure["hint"]) == (code, "upload", problem["hint"])
    assert failed.actor == f"token:{api.token_id}"
    assert spooled(tmp_path) == []
    assert recorded("site.deploy.requested") == []
    return problem


@pytest.mark.parametrize("form", ["zip", "tar", "tar.gz"])
def test_an_archive_becomes_a_deploy(api: Api, tmp_path: Path, form: str) -> None:
    sent = {"ref": "refs/heads/main", "commit": "c0ffee", "message": "Größer\nund schöner"}
    answer = api.upload(DEPLOYS, all_formats(SITE.items())[form], **sent)
    assert answer.status_code == 202
    deploy = answer.json
    assert answer.headers["Location"] == f"/v1/deploys/{deploy['id']}"
    assert {name: deploy[name] for name in sent} == sent
    assert (deploy["site"], deploy["number"], deploy["status"]) == ("hello", 1, "requested")
    assert (deploy["trigger"], deploy["targets"]) == ({"kind": "api", "ref": None}, [])
    assert (deploy["failure"], deploy["partial"], deploy["warnings"]) == (None, False, [])
    assert (deploy["cid"], deploy["preview_url"], deploy["url"]) == (
        None,
        None,
        "http://hello.localhost:8080/",
    )
    assert api.get(f"/v1/deploys/{deploy['id']}").json == deploy
    (requested,) = recorded("site.deploy.requested")
    source = requested.data["source"]
    assert (source["format"], source["files"], spooled(tmp_path)) == (form, 3, [source["key"]])
    assert open_spool().path(source["key"]).stat().st_size == source["size"]
    assert requested.flow == deploy["flow"]


def test_a_site_without_an_index_is_taken_with_a_warning(api: Api) -> None:
    deploy = api.deploy(archive=zip_of([("about.html", b"x")]))
    assert [warning["code"] for warning in deploy["warnings"]] == ["index_missing"]


def test_deploys_are_listed_newest_first_and_part_by_part(api: Api) -> None:
    made = [api.deploy()["id"] for _ in range(3)]
    first = api.get(f"{DEPLOYS}?limit=2").json
    rest = api.get(f"{DEPLOYS}?limit=2&after={first['next']}").json
    assert [deploy["id"] for deploy in (*first["items"], *rest["items"])] == made[::-1]
    assert rest["next"] is None
    refused(api.get(f"{DEPLOYS}?after=x"), 422, "request_invalid")


def test_an_unknown_deploy_is_not_found(sqlite_api: Api) -> None:
    refused(sqlite_api.get("/v1/deploys/nothing"), 404, "deploy_not_found")
    refused(sqlite_api.get("/v1/deploys/a%00b"), 404, "not_found")


BAD = [
    ("archive_unknown", b""),
    ("archive_unknown", b"<h1>not an archive</h1>"),
    ("archive_unknown", b"Rar!" + bytes(600)),
    ("archive_empty", zip_of([])),
    ("archive_empty", tar_of([("folder/", b"")])),
    ("archive_truncated", SITE_ZIP[:-30]),
    ("archive_truncated", packed(tar_of(SITE.items()))[:-9]),
    ("archive_corrupt", SITE_ZIP.replace(b"PK\x01\x02", b"PK\x09\x09", 1)),
    ("path_illegal", zip_of([("/etc/passwd", b"x")])),
    ("path_illegal", zip_of([("../up.html", b"x")])),
    ("path_illegal", tar_of([("a/../../up.html", b"x")])),
    ("symlink_escape", tar_header(b"a", 0, b"2", b"/etc/passwd") + END),
    ("symlink_escape", tar_header(b"a", 0, b"1", b"b") + END),
    ("symlink_escape", zip_with_mode("a", stat.S_IFLNK | 0o777)),
    ("path_illegal", tar_header(b"a", 0, b"3") + END),
    ("path_collision", zip_of([("README.html", b"x"), ("readme.html", b"x")])),
    ("path_collision", zip_of([("caf\u00e9.html", b"x"), ("cafe\u0301.html", b"x")])),
    ("path_encoding", raw_zip(b"caf\xe9.html")),
    ("path_encoding", tar_part(b"caf\xe9.html", b"x") + END),
]


@pytest.mark.parametrize(("code", "archive"), BAD, ids=lambda value: value if isinstance(value, str) else "")
def test_a_bad_archive_is_refused_and_recorded(
    sqlite_api: Api, tmp_path: Path, code: str, archive: bytes
) -> None:
    refused_upload(sqlite_api, tmp_path, code, 422, archive=archive)


def test_a_bad_archive_is_recorded_on_either_database(api: Api, tmp_path: Path) -> None:
    refused_upload(api, tmp_path, "archive_truncated", 422, archive=SITE_ZIP[:-30])


def test_an_archive_that_unpacks_to_far_more_than_it_is_is_refused(sqlite_api: Api, tmp_path: Path) -> None:
    bomb = zip_of([("index.html", bytes(101 << 20))])
    problem = refused_upload(sqlite_api, tmp_path, "archive_bomb", 413, archive=bomb)
    assert problem["evidence"]["ratio"] == 200


LIMITS = [
    ({"MAX_SITE_BYTES": "1000"}, zip_of([("a", bytes(2000))]), "source_too_large"),
    ({"MAX_SITE_FILES": "2"}, zip_of([("a", b""), ("b", b""), ("c", b"")]), "too_many_files"),
    ({"MAX_UPLOAD_BYTES": "300"}, zip_of([("a", bytes(range(256)) * 9)], 0), "source_too_large"),
]


@pytest.mark.parametrize(("settings", "archive", "code"), LIMITS)
def test_what_is_over_a_limit_is_refused_and_names_the_setting(
    configure: Callable[..., None], sqlite_database: Engine, tmp_path: Path,
    settings: dict[str, str], archive: bytes, code: str,
) -> None:  # fmt: skip
    api = hello(started(configure, **settings))
    (name,) = settings
    problem = refused_upload(api, tmp_path, code, 413, archive=archive)
    assert name in problem["hint"]


def test_an_upload_that_says_it_is_too_large_is_refused_unread(
    configure: Callable[..., None], sqlite_database: Engine, tmp_path: Path
) -> None:
    api = hello(started(configure, MAX_UPLOAD_BYTES="1000"))
    unread = io.BytesIO(b"x" * 3_000_000)
    sent = {"input_stream": unread, "content_type": FORM}
    refused_upload(api, tmp_path, "source_too_large", 413, **sent)
    assert unread.tell() == 0


def test_an_upload_that_is_cut_in_the_middle_is_refused(api: Api, tmp_path: Path) -> None:
    whole = part("archive", SITE_ZIP, "site.zip") + b"--B--\r\n"
    announced = {"CONTENT_LENGTH": str(len(whole))}
    sent = {"input_stream": io.BytesIO(whole[:300]), "content_type": FORM, "environ_overrides": announced}
    refused_upload(api, tmp_path, "connection_reset", 400, **sent)


UNREADABLE = [
    (b"--B--\r\n", "archive_missing", 422),
    (part("message", b"hello") + b"--B--\r\n", "archive_missing", 422),
    (part("archive", SITE_ZIP) + b"--B--\r\n", "archive_missing", 422),
    (part("file", SITE_ZIP, "site.zip") + b"--B--\r\n", "archive_missing", 422),
    (part("archive", SITE_ZIP, "a.zip") * 2 + b"--B--\r\n", "archive_repeated", 422),
    (part("archive", SITE_ZIP, "a.zip") + part("ref", b"x" * 501) + b"--B--\r\n", "version_invalid", 422),
    (part("archive", SITE_ZIP, "a.zip") + part("message", b"a\0b") + b"--B--\r\n", "version_invalid", 422),
    (part("archive", SITE_ZIP, "a.zip") + part("x", b"y" * 600_000) + b"--B--\r\n", "fields_too_large", 413),
    (part("x", b"y") * 30 + b"--B--\r\n", "fields_too_large", 413),
    (b"no form at all", "multipart_invalid", 400),
    (b"", "archive_missing", 422),
    (b"--B\r\nno: header\r\n\r\n" + b"x" * 100_000 + b"\r\n--B--\r\n", "multipart_invalid", 400),
    (b"--B\r\nno: header\r\n\r\nx\r\n--B--\r\n", "multipart_invalid", 400),
]


@pytest.mark.parametrize(("body", "code", "status"), UNREADABLE)
def test_a_form_that_holds_no_archive_is_refused(
    sqlite_api: Api, tmp_path: Path, body: bytes, code: str, status: int
) -> None:
    refused_upload(sqlite_api, tmp_path, code, status, data=body, content_type=FORM)


@pytest.mark.parametrize(
    "kind", ["application/zip", "application/json", "text/plain", "", "multipart/mixed; boundary=B"]
)
def test_another_content_type_is_refused(sqlite_api: Api, tmp_path: Path, kind: str) -> None:
    refused_upload(sqlite_api, tmp_path, "content_type_unsupported", 415, data=SITE_ZIP, content_type=kind)


def test_a_form_without_a_boundary_is_refused(sqlite_api: Api, tmp_path: Path) -> None:
    for boundary in ("", "; boundary=", "; boundary=ü"):
        kind = f"multipart/form-data{boundary}"
        refused(sqlite_api.post(DEPLOYS, data=b"x", content_type=kind), 400, "multipart_invalid")
    assert spooled(tmp_path) == []


def test_a_disk_that_fails_is_not_the_senders_fault(sqlite_api: Api, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir(exist_ok=True)
    (tmp_path / "var" / "spool").write_text("where the folder should be")
    answer = sqlite_api.upload(DEPLOYS)
    problem = refused(answer, 503, "backend_unavailable")
    assert "evidence" not in problem
    assert answer.headers["Retry-After"] == "5"


def test_an_upload_to_an_unknown_site_is_not_even_read(sqlite_api: Api) -> None:
    unread = io.BytesIO(part("archive", SITE_ZIP, "a.zip"))
    answer = sqlite_api.post("/v1/sites/nobody/deploys", input_stream=unread, content_type=FORM)
    refused(answer, 404, "site_not_found")
    assert unread.tell() == 0
    assert recorded("storage.upload.failed") == []
