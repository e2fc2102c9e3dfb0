"""The door gives what a signed link names, whole or in part, and nothing else."""

from collections.abc import Callable

import pytest

from tests.unit.web.store.support import StoreProcess

ORIGIN = "http://127.0.0.1:8080"
BODY = b"0123456789"


def test_a_link_downloads_the_object_under_its_name(
    store: StoreProcess, put: Callable[..., str]
) -> None:
    link = put(BODY, file_name='p\u00e8re "x".vcf')
    reply = store.follow(link)
    assert (reply.status, reply.body) == (200, BODY)
    assert reply.headers["Content-Length"] == "10"
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    disposition = reply.headers["Content-Disposition"]
    assert disposition == (
        "attachment; filename=\"p_re _x_.vcf\"; filename*=UTF-8''p%C3%A8re%20%22x%22.vcf"
    )
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Accept-Ranges"] == "bytes"
    assert reply.headers["Cache-Control"] == "private, no-store"
    assert reply.headers["ETag"] == f'"{store.ports.inputs.head("gas/ada/job-1~sample.vcf").etag}"'


def test_a_head_says_the_same_without_the_bytes(
    store: StoreProcess, put: Callable[..., str]
) -> None:
    link = put(BODY)
    whole, head = store.follow(link), store.follow(link, "HEAD")
    assert (head.status, head.body) == (200, b"")
    same = ("Content-Length", "Content-Type", "ETag", "Last-Modified", "Content-Disposition")
    assert [head.headers[name] for name in same] == [whole.headers[name] for name in same]


@pytest.mark.parametrize(
    ("wanted", "body", "said"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=8-", b"89", "bytes 8-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-99", BODY, "bytes 0-9/10"),
        ("bytes=0-", BODY, "bytes 0-9/10"),
        ("bytes=9-99", b"9", "bytes 9-9/10"),
    ],
)
def test_a_range_is_served(
    store: StoreProcess, put: Callable[..., str], wanted: str, body: bytes, said: str
) -> None:
    reply = store.follow(put(BODY), Range=wanted)
    assert (reply.status, reply.body) == (206, body)
    assert reply.headers["Content-Range"] == said
    assert reply.headers["Content-Length"] == str(len(body))


@pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_a_range_outside_the_object_is_refused(
    store: StoreProcess, put: Callable[..., str], wanted: str
) -> None:
    reply = store.follow(put(BODY), Range=wanted)
    assert reply.status == 416
    assert reply.headers["Content-Range"] == "bytes */10"


@pytest.mark.parametrize(
    "wanted", ["bytes=0-1,3-4", "lines=1-2", "bytes=5-2", "bytes=-", f"bytes={'9' * 19}-"]
)
def test_what_is_not_one_range_means_the_whole(
    store: StoreProcess, put: Callable[..., str], wanted: str
) -> None:
    reply = store.follow(put(BODY), Range=wanted)
    assert (reply.status, reply.body) == (200, BODY)


def test_a_range_of_an_object_that_has_changed_means_the_whole(
    store: StoreProcess, put: Callable[..., str]
) -> None:
    link = put(BODY)
    etag = store.follow(link).headers["ETag"]
    assert store.follow(link, Range="bytes=1-2", If_Range=etag).status == 206
    assert store.follow(link, Range="bytes=1-2", If_Range='"other"').status == 200
    assert store.follow(link, If_None_Match=etag).status == 304


def test_an_empty_object_has_no_range(store: StoreProcess, put: Callable[..., str]) -> None:
    link = put(b"")
    assert (store.follow(link).status, store.follow(link).body) == (200, b"")
    assert store.follow(link, Range="bytes=0-").status == 416


def test_a_changed_or_expired_link_is_refused(store: StoreProcess, put: Callable[..., str]) -> None:
    link = put(BODY)
    for forged in (
        link.replace("job-1", "job-2"),
        link.replace("/ada/", "/ada/../ada/"),
        link.replace("gas-inputs", "gas-results"),
        link.replace("name=s.vcf", "name=evil.html"),
        link.replace("expires=1", "expires=9"),
        link.replace("signature=", "signature=x"),
        link.partition("&signature")[0],
        link.partition("?")[0],
        put(BODY, seconds=-1),
    ):
        reply = store.follow(forged)
        assert (reply.status, BODY in reply.body) == (403, False), forged
        assert b"AccessDenied" in reply.body


def test_a_link_to_an_object_that_is_gone_finds_nothing(
    store: StoreProcess, put: Callable[..., str]
) -> None:
    link = put(BODY, key="gas/ada/gone~x.vcf")
    store.ports.inputs.delete("gas/ada/gone~x.vcf")
    reply = store.follow(link)
    assert reply.status == 404
    assert b"NoSuchKey" in reply.body


def test_a_page_of_ours_may_read_a_range_by_script(
    store: StoreProcess, put: Callable[..., str]
) -> None:
    link = put(BODY)
    reply = store.follow(link, Origin=ORIGIN, Range="bytes=0-1")
    assert reply.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Content-Range" in reply.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Origin" not in store.follow(link, Origin="null").headers
