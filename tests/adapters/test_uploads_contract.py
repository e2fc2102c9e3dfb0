"""What every keeper of pending uploads promises."""

from datetime import timedelta

import pytest

from gas.domain.errors import NotFoundError
from tests.adapters.worlds import World
from tests.builders import NOW, an_upload


def test_a_pending_upload_comes_back_until_it_is_removed(world: World) -> None:
    upload = an_upload(file_name="père \U0001f9ec.vcf")
    world.uploads.add(upload)
    assert world.uploads.get("job-1") == upload
    world.uploads.remove("job-1")
    world.uploads.remove("job-1")
    with pytest.raises(NotFoundError):
        world.uploads.get("job-1")


def test_an_upload_without_limit_stays_without(world: World) -> None:
    world.uploads.add(an_upload(max_bytes=None))
    assert world.uploads.get("job-1").max_bytes is None


def test_expired_uploads_are_listed(world: World) -> None:
    world.uploads.add(an_upload("old"))
    world.uploads.add(an_upload("new", expires_at=NOW + timedelta(days=1)))
    expired = world.uploads.expired(NOW + timedelta(hours=1))
    assert [upload.upload_id for upload in expired] == ["old"]


def test_an_upload_keeps_its_microseconds(world: World) -> None:
    upload = an_upload(expires_at=NOW + timedelta(microseconds=123_457))
    world.uploads.add(upload)
    assert world.uploads.get("job-1") == upload
    assert not list(world.uploads.expired(upload.expires_at))
    assert list(world.uploads.expired(upload.expires_at + timedelta(microseconds=1))) == [upload]
