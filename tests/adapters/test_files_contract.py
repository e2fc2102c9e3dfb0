"""What every object store promises.  The signed form and link are tried over HTTP elsewhere."""

from datetime import timedelta
from pathlib import Path

import pytest

from gas.domain.errors import ObjectChangedError, ObjectNotFoundError
from gas.ports import ObjectInfo
from tests.adapters.worlds import World

KEY = "gas/ada/job-1~sample.vcf"


def _put(world: World, folder: Path, body: bytes, key: str = KEY) -> ObjectInfo:
    source = folder / "source"
    source.write_bytes(body)
    return world.files.upload(
        source, key, content_type="text/plain; charset=utf-8", file_name="sample.vcf"
    )


def test_an_object_comes_back_byte_for_byte(world: World, tmp_path: Path) -> None:
    body = bytes(range(256)) * 5000
    info = _put(world, tmp_path, body)
    assert info.size == len(body)
    assert world.files.head(KEY) == info
    world.files.download(info, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == body


def test_a_missing_object_is_not_found(world: World, tmp_path: Path) -> None:
    info = _put(world, tmp_path, b"here")
    world.files.delete(KEY)
    world.files.delete(KEY)
    with pytest.raises(ObjectNotFoundError):
        world.files.head(KEY)
    with pytest.raises(ObjectNotFoundError):
        world.files.download(info, tmp_path / "copy")
    with pytest.raises(ObjectNotFoundError):
        world.files.read(KEY, length=10)
    assert not (tmp_path / "copy").exists()


def test_an_object_replaced_after_it_was_frozen_is_not_taken_for_it(
    world: World, tmp_path: Path
) -> None:
    """Either the frozen version is served, or the change is said; never the new bytes."""
    frozen = _put(world, tmp_path, b"first")
    _put(world, tmp_path, b"other")
    try:
        world.files.download(frozen, tmp_path / "copy")
    except ObjectChangedError:
        return
    assert (tmp_path / "copy").read_bytes() == b"first"


def test_a_part_of_an_object_can_be_read(world: World, tmp_path: Path) -> None:
    _put(world, tmp_path, b"0123456789")
    assert world.files.read(KEY, length=4) == b"0123"
    assert world.files.read(KEY, start=8, length=100) == b"89"
    assert world.files.read(KEY, start=100, length=10) == b""


def test_an_empty_object_is_an_object(world: World, tmp_path: Path) -> None:
    assert _put(world, tmp_path, b"").size == 0
    assert world.files.read(KEY, length=10) == b""


def test_keys_are_listed_by_prefix(world: World, tmp_path: Path) -> None:
    for user in ("ada", "adam", "bob"):
        _put(world, tmp_path, user.encode(), f"gas/{user}/job~1~x.vcf")
    found = {info.key: info.size for info in world.files.keys("gas/ada/")}
    assert found == {"gas/ada/job~1~x.vcf": 3}


def test_a_form_names_its_key_and_type(world: World) -> None:
    form = world.files.upload_form(
        KEY,
        max_bytes=10,
        content_type="application/octet-stream",
        expires_in=timedelta(minutes=10),
        redirect_to="http://127.0.0.1/back",
    )
    assert form.fields["key"] == KEY
    assert form.fields["Content-Type"] == "application/octet-stream"


def test_a_link_names_its_object(world: World, tmp_path: Path) -> None:
    _put(world, tmp_path, b"here")
    link = world.files.link(KEY, file_name="s.vcf", expires_in=timedelta(minutes=5))
    assert "job-1~sample.vcf" in link.replace("%7E", "~")


def test_a_deleted_object_leaves_none_of_its_versions(world: World, tmp_path: Path) -> None:
    first = _put(world, tmp_path, b"first")
    second = _put(world, tmp_path, b"other")
    _put(world, tmp_path, b"longer name", f"{KEY}.gz")
    world.files.delete(KEY)
    for info in (first, second):
        with pytest.raises((ObjectNotFoundError, ObjectChangedError)):
            world.files.download(info, tmp_path / "copy")
    assert [info.key for info in world.files.keys("gas/")] == [f"{KEY}.gz"]


def test_the_time_of_an_object_is_about_now(world: World, tmp_path: Path) -> None:
    before = world.clock.now()
    info = _put(world, tmp_path, b"here")
    assert abs(info.modified_at - before) < timedelta(minutes=5)
    assert info.modified_at.tzinfo is not None


def test_a_version_is_found_by_its_id(world: World, tmp_path: Path) -> None:
    info = _put(world, tmp_path, b"here")
    assert world.files.head(KEY, info.version_id) == info
    with pytest.raises(ObjectNotFoundError):
        world.files.head("gas/ada/other", info.version_id)


def test_an_object_written_twice_is_listed_once_with_the_newest_bytes(
    world: World, tmp_path: Path
) -> None:
    _put(world, tmp_path, b"first")
    newest = _put(world, tmp_path, b"another")
    found = [(info.key, info.size, info.etag) for info in world.files.keys("gas/ada/")]
    assert found == [(KEY, 7, newest.etag)]
    assert world.files.read(KEY, length=100) == b"another"


def test_a_copy_has_the_bytes_and_outlives_the_original(world: World, tmp_path: Path) -> None:
    info = _put(world, tmp_path, b"first")
    copied = world.files.copy(info, "gas/ada/job-2~sample.vcf")
    assert (copied.key, copied.size) == ("gas/ada/job-2~sample.vcf", 5)
    world.files.delete(KEY)
    world.files.download(copied, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"first"


def test_only_the_bytes_that_were_frozen_are_copied(world: World, tmp_path: Path) -> None:
    """As with a download: the frozen version, or the change is said; never the new bytes."""
    frozen = _put(world, tmp_path, b"first")
    _put(world, tmp_path, b"other")
    other = "gas/ada/job-2~sample.vcf"
    try:
        copied = world.files.copy(frozen, other)
    except ObjectChangedError:
        return
    world.files.download(copied, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"first"
    world.files.delete(KEY)
    with pytest.raises((ObjectNotFoundError, ObjectChangedError)):
        world.files.copy(frozen, other)
