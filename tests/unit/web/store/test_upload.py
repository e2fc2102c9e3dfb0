"""The door takes what a signed form allows, and nothing else."""

import json
import socket
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from gas.adapters.embedded_signing import pack, unpack
from gas.domain.errors import ObjectNotFoundError
from gas.ports import UploadForm
from tests.unit.web.store.support import BACK, StoreProcess, multipart

ORIGIN = "http://127.0.0.1:8080"


def _changed(form: UploadForm, fields: dict[str, str | None]) -> UploadForm:
    merged = {**form.fields, **fields}
    return replace(
        form, fields={name: value for name, value in merged.items() if value is not None}
    )


def test_an_upload_becomes_the_object_and_sends_the_browser_back(store: StoreProcess) -> None:
    body = bytes(range(250)) * 4
    reply = store.post(store.form("gas/ada/good~x.vcf"), body)
    info = store.ports.inputs.head("gas/ada/good~x.vcf")
    assert store.ports.inputs.read(info.key, length=2000) == body
    assert reply.status == 303
    assert reply.headers["ETag"] == f'"{info.etag}"'
    assert reply.headers["Location"].startswith(BACK + "&")
    told = parse_qs(urlsplit(reply.headers["Location"]).query)
    assert told == {
        "x": ["1"],
        "bucket": ["gas-inputs"],
        "key": [info.key],
        "etag": [f'"{info.etag}"'],
    }


def test_without_a_place_to_go_back_to_an_upload_is_answered_with_nothing(
    store: StoreProcess,
) -> None:
    reply = store.post(store.form("gas/ada/back~x.vcf", redirect_to=None), b"x")
    assert (reply.status, reply.body) == (204, b"")


@pytest.mark.parametrize("size", [1, 1000])
def test_the_limits_of_a_form_are_inclusive(store: StoreProcess, size: int) -> None:
    key = f"gas/ada/limit-{size}~x.vcf"
    assert store.post(store.form(key), b"x" * size).status == 303
    assert store.ports.inputs.head(key).size == size


@pytest.mark.parametrize(
    ("size", "code"),
    [(0, b"EntityTooSmall"), (1001, b"EntityTooLarge"), (3_000_000, b"EntityTooLarge")],
)
def test_a_file_outside_the_limits_is_refused_and_not_kept(
    store: StoreProcess, size: int, code: bytes
) -> None:
    key = f"gas/ada/refused-{size}~x.vcf"
    reply = store.post(store.form(key), b"x" * size)
    assert reply.status == 400
    assert b"<Code>" + code + b"</Code>" in reply.body
    assert reply.headers["Content-Type"] == "application/xml"
    _assert_nothing_of(store, key)


def test_a_changed_form_is_refused(store: StoreProcess) -> None:
    key = "gas/ada/forged~x.vcf"
    form = store.form(key)
    policy = json.loads(unpack(form.fields["policy"]))
    larger = pack(json.dumps({**policy, "max_bytes": 10**9}).encode())
    for forged in (
        _changed(form, {"key": "gas/bob/job~x.vcf"}),
        _changed(form, {"key": "gas/ada/../bob/job~x.vcf"}),
        _changed(form, {"key": None}),
        _changed(form, {"Content-Type": "text/html"}),
        _changed(form, {"Content-Type": None}),
        _changed(form, {"success_action_redirect": None}),
        _changed(form, {"success_action_redirect": "https://evil.example"}),
        _changed(form, {"acl": "public-read"}),
        _changed(form, {"policy": larger}),
        _changed(form, {"policy": None}),
        _changed(form, {"signature": None}),
        _changed(form, {"signature": "\u4f60"}),
        _changed(form, {"policy": "", "signature": ""}),
        replace(form, url=form.url.replace("gas-inputs", "gas-results")),
    ):
        reply = store.post(forged, b"x")
        assert (reply.status, b"AccessDenied" in reply.body) == (403, True), forged
    _assert_nothing_of(store, key)


def test_an_expired_form_is_refused(store: StoreProcess) -> None:
    reply = store.post(store.form("gas/ada/late~x.vcf", seconds=-1), b"x")
    assert reply.status == 403
    assert b"expired" in reply.body


def test_a_bad_form_is_refused_before_its_file_is_sent(store: StoreProcess) -> None:
    form = _changed(store.form(max_bytes=10**9), {"signature": "wrong"})
    content_type, content = multipart(form.fields, b"")
    head = (
        f"POST /gas-inputs HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {10**9}\r\n\r\n"
    ).encode()
    with socket.create_connection(store.address, timeout=30) as client:
        client.sendall(head + content[: content.rindex(b"\r\n--")] + b"x" * 2048)
        assert client.recv(12) == b"HTTP/1.1 403"


def test_a_file_too_large_by_its_length_is_refused_before_it_is_sent(store: StoreProcess) -> None:
    content_type, content = multipart(store.form().fields, b"")
    head = (
        f"POST /gas-inputs HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {10**9}\r\n\r\n"
    ).encode()
    with socket.create_connection(store.address, timeout=30) as client:
        client.sendall(head + content[: content.rindex(b"\r\n--")] + b"x" * 2048)
        answer = client.recv(4096)
    assert answer.startswith(b"HTTP/1.1 400")


def test_a_replayed_form_makes_another_version_and_keeps_the_first(store: StoreProcess) -> None:
    form = store.form("gas/ada/replay~x.vcf")
    store.post(form, b"first")
    frozen = store.ports.inputs.head("gas/ada/replay~x.vcf")
    store.post(form, b"other")
    assert store.ports.inputs.read("gas/ada/replay~x.vcf", length=10) == b"other"
    assert store.ports.inputs.head(frozen.key, frozen.version_id) == frozen


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", b"x"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=a", b"no boundary here"),
        ("multipart/form-data; boundary=a", b"--a\r\n\r\nx\r\n--a--\r\n"),
        (
            "multipart/form-data; boundary=a",
            b'--a\r\nContent-Disposition: form-data; name="key"\r\n\r\nx\r\n--a--\r\n',
        ),
        (
            "multipart/form-data; boundary=a",
            b'--a\r\nContent-Disposition: form-data; name="key"\r\n\r\n'
            + b"x" * 100_000
            + b"\r\n--a--\r\n",
        ),
        (
            "multipart/form-data; boundary=a",
            b'--a\r\nContent-Disposition: form-data; name="key"\r\n\r\n\xff\r\n--a--\r\n',
        ),
        (
            "multipart/form-data; boundary=a",
            b'--a\r\nContent-Disposition: form-data; name="key"\r\n\r\nx\r\n' * 2 + b"--a--\r\n",
        ),
    ],
)
def test_what_is_no_form_is_refused(store: StoreProcess, content_type: str, body: bytes) -> None:
    connection = store.connect()
    connection.request("POST", "/gas-inputs", body=body, headers={"Content-Type": content_type})
    response = connection.getresponse()
    assert response.status == 400
    assert b"MalformedPOSTRequest" in response.read()
    connection.close()


def test_an_upload_that_breaks_off_leaves_nothing(store: StoreProcess) -> None:
    key = "gas/ada/broken~x.vcf"
    content_type, content = multipart(store.form(key).fields, b"x" * 500)
    head = (
        f"POST /gas-inputs HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    ).encode()
    with socket.create_connection(store.address, timeout=30) as client:
        client.sendall(head + content[:-100])
        client.shutdown(socket.SHUT_WR)
        assert client.recv(12) == b"HTTP/1.1 400"
    _assert_nothing_of(store, key)


def test_a_form_without_its_end_leaves_nothing(store: StoreProcess) -> None:
    key = "gas/ada/endless~x.vcf"
    content_type, content = multipart(store.form(key).fields, b"x" * 500)
    connection = store.connect()
    connection.request(
        "POST", "/gas-inputs", body=content[:-100], headers={"Content-Type": content_type}
    )
    assert connection.getresponse().status == 400
    connection.close()
    _assert_nothing_of(store, key)


def test_an_upload_must_say_its_length(store: StoreProcess) -> None:
    connection = store.connect()
    connection.request(
        "POST", "/gas-inputs", body=iter([b"x"]), headers={"Content-Type": "multipart/form-data"}
    )
    assert connection.getresponse().status == 411
    connection.close()


def test_only_the_services_own_pages_may_use_the_door_by_script(store: StoreProcess) -> None:
    ask = {"Access-Control-Request-Method": "POST"}
    ours = store.get("/gas-inputs", "OPTIONS", {"Origin": ORIGIN, **ask})
    assert ours.status == 204
    assert ours.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "POST" in ours.headers["Access-Control-Allow-Methods"]
    theirs = store.get("/gas-inputs", "OPTIONS", {"Origin": "https://evil.example", **ask})
    assert "Access-Control-Allow-Origin" not in theirs.headers
    refused = store.post(_changed(store.form(), {"signature": "x"}), b"x", {"Origin": ORIGIN})
    assert refused.headers["Access-Control-Allow-Origin"] == ORIGIN


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/nobucket/x", 404),
        ("POST", "/nobucket", 404),
        ("PUT", "/gas-inputs/x", 405),
        ("DELETE", "/gas-inputs/x", 405),
        ("GET", "/gas-inputs", 405),
        ("POST", "/gas-inputs/x", 405),
        ("TRACE", "/gas-inputs/x", 405),
    ],
)
def test_other_doors_are_walls(store: StoreProcess, method: str, path: str, status: int) -> None:
    assert store.get(path, method).status == status


def _assert_nothing_of(store: StoreProcess, key: str) -> None:
    with pytest.raises(ObjectNotFoundError):
        store.ports.inputs.head(key)
    assert not list((store.settings.home / "objects/new").iterdir())
