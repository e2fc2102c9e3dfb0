"""The object store's files: versions, sweeps, and every gap a writer may die in."""

import errno
import fcntl
import os
import threading
from pathlib import Path
from typing import IO

import pytest

from gas.adapters import embedded_objects
from gas.adapters.embedded import EmbeddedPorts, connect_embedded, connect_store
from gas.adapters.embedded_objects import ObjectStore
from gas.adapters.memory import MemoryClock
from gas.config import Settings
from gas.domain.errors import (
    ConfigurationError,
    ObjectChangedError,
    ObjectNotFoundError,
    OutageError,
)
from gas.ports import ObjectInfo
from tests.adapters.worlds.embedded import embedded_settings

KEY = "gas/ada/job-1~sample.vcf"


class _DiedError(Exception):
    """Stands for a kill: nothing of ours handles it."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return embedded_settings(tmp_path / "home")


@pytest.fixture
def ports(settings: Settings) -> EmbeddedPorts:
    return connect_embedded(settings, MemoryClock())


@pytest.fixture
def store(settings: Settings, ports: EmbeddedPorts) -> ObjectStore:
    return connect_store(settings, MemoryClock()).store


def _put(ports: EmbeddedPorts, folder: Path, body: bytes, key: str = KEY) -> ObjectInfo:
    (folder / "source").write_bytes(body)
    return ports.inputs.upload(
        folder / "source", key, content_type="text/plain", file_name="sample.vcf"
    )


def _bodies(settings: Settings) -> list[bytes]:
    folder = settings.home / "objects" / settings.inputs_bucket
    return sorted(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def _new(settings: Settings) -> list[Path]:
    return list((settings.home / "objects/new").iterdir())


def test_a_frozen_version_outlives_a_newer_one(ports: EmbeddedPorts, tmp_path: Path) -> None:
    frozen = _put(ports, tmp_path, b"first")
    newest = _put(ports, tmp_path, b"other")
    assert ports.inputs.head(KEY) == newest
    assert ports.inputs.head(KEY, frozen.version_id) == frozen
    ports.inputs.download(frozen, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"first"
    assert [info.version_id for info in ports.inputs.keys("gas/")] == [newest.version_id]


def test_a_version_that_never_was_is_a_change(ports: EmbeddedPorts, tmp_path: Path) -> None:
    info = _put(ports, tmp_path, b"first")
    ports.inputs.delete(KEY)
    _put(ports, tmp_path, b"first")
    with pytest.raises(ObjectChangedError):
        ports.inputs.download(info, tmp_path / "copy")
    with pytest.raises(ObjectNotFoundError):
        ports.inputs.head(KEY, info.version_id)


def test_bytes_that_were_cut_short_on_the_disk_are_never_given_out(
    ports: EmbeddedPorts, settings: Settings, tmp_path: Path
) -> None:
    info = _put(ports, tmp_path, b"whole")
    folder = settings.home / "objects" / settings.inputs_bucket
    (body,) = (path for path in folder.rglob("*") if path.is_file())
    body.write_bytes(b"who")
    with pytest.raises(ObjectChangedError):
        ports.inputs.download(info, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_deleting_removes_every_version_and_its_bytes(
    ports: EmbeddedPorts, settings: Settings, tmp_path: Path
) -> None:
    _put(ports, tmp_path, b"first")
    _put(ports, tmp_path, b"other")
    _put(ports, tmp_path, b"stays", "gas/ada/job-2~x.vcf")
    ports.inputs.delete(KEY)
    assert _bodies(settings) == [b"stays"]


def test_many_at_once_each_write_their_own_version(ports: EmbeddedPorts, tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / str(number)).write_bytes(bytes([number]) * 1000)
    found: list[ObjectInfo] = []

    def put(number: int) -> None:
        source = tmp_path / str(number)
        found.append(ports.inputs.upload(source, KEY, content_type="text/plain", file_name="x"))

    threads = [threading.Thread(target=put, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({info.version_id for info in found}) == 8
    assert all(ports.inputs.head(KEY, info.version_id) == info for info in found)
    assert ports.inputs.head(KEY) in found


@pytest.mark.parametrize(
    "key", ["../../x", "/etc/passwd", "a//b", "a\0b", "\u4f60/\U0001f9ec", "."]
)
def test_a_key_is_never_a_path(
    ports: EmbeddedPorts, settings: Settings, tmp_path: Path, key: str
) -> None:
    info = _put(ports, tmp_path, b"body", key)
    assert ports.inputs.head(key) == info
    assert [found.key for found in ports.inputs.keys("")] == [key]
    assert {path.name for path in settings.home.iterdir()} >= {"objects"}
    assert _bodies(settings) == [b"body"]


def test_more_keys_than_one_page_are_listed_in_order(
    ports: EmbeddedPorts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_objects, "BATCH", 2)
    keys = ["gas/a", "gas/a/1", "gas/a/2", "gas/a/\U0001f9ec", "gas/b", "gat"]
    for key in reversed(keys):
        _put(ports, tmp_path, b"1", key)
        _put(ports, tmp_path, b"22", key)
    assert [info.key for info in ports.inputs.keys("gas/")] == keys[:5]
    assert [info.key for info in ports.inputs.keys("gas/a/")] == keys[1:4]
    assert {info.size for info in ports.inputs.keys("")} == {2}


@pytest.mark.parametrize("gap", ["before the bytes are settled", "before the row", "after the row"])
def test_a_writer_may_die_in_any_gap(
    gap: str,
    ports: EmbeddedPorts,
    store: ObjectStore,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def die(*_: object, **__: object) -> None:
        raise _DiedError

    with monkeypatch.context() as patch:
        # A killed process drops its locks but not the names it made.
        patch.setattr(embedded_objects.NewObject, "close", lambda self: self._file.close())
        if gap == "before the bytes are settled":
            patch.setattr(embedded_objects.NewObject, "settle", die)
        elif gap == "before the row":
            patch.setattr(type(ports.inputs._store._index), "writing", die)
        if gap == "after the row":
            _put(ports, tmp_path, b"body")
        else:
            with pytest.raises(_DiedError):
                _put(ports, tmp_path, b"body")
    assert len(_new(settings)) == 1
    assert store.sweep() > 0
    assert not _new(settings)
    published = gap == "after the row"
    assert _bodies(settings) == ([b"body"] if published else [])
    assert [info.key for info in ports.inputs.keys("")] == ([KEY] if published else [])
    assert store.sweep() == 0


def test_a_sweep_leaves_alone_what_is_being_written(store: ObjectStore, settings: Settings) -> None:
    with store.writing() as new:
        new.write(b"half")
        assert store.sweep() == 0
        new.write(b"half")
        store.publish(new, settings.inputs_bucket, KEY, content_type="x", file_name="x")
    assert _bodies(settings) == [b"halfhalf"]


def test_a_sweep_between_the_making_of_a_file_and_its_lock_harms_nobody(
    store: ObjectStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, swept = fcntl.flock, []

    def sweep_first(file: IO[bytes], operation: int) -> None:
        if not swept:
            swept.append(True)
            assert store.sweep() == 1
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", sweep_first)
    with store.writing() as new:
        new.write(b"body")
        store.publish(new, settings.inputs_bucket, KEY, content_type="x", file_name="x")
    assert swept
    assert _bodies(settings) == [b"body"]


def test_a_delete_that_was_broken_off_is_finished_by_the_sweep(
    ports: EmbeddedPorts,
    store: ObjectStore,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _put(ports, tmp_path, b"body")

    def die(*_: object, **__: object) -> None:
        raise _DiedError

    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "_remove", die)
        with pytest.raises(_DiedError):
            ports.inputs.delete(KEY)
    with pytest.raises(ObjectNotFoundError):
        ports.inputs.head(KEY)
    assert _bodies(settings) == [b"body"]
    assert store.sweep() == 1
    assert _bodies(settings) == []
    assert store.sweep() == 0


@pytest.mark.parametrize("call", ["fsync", "open"])
def test_a_full_disk_is_an_outage_and_leaves_nothing(
    call: str,
    ports: EmbeddedPorts,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "source").write_bytes(b"body")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, (tmp_path / "source").open("rb"):
        if call == "fsync":
            patch.setattr(os, "fsync", refuse)
        else:
            patch.setattr(embedded_objects.NewObject, "__init__", refuse)
        with pytest.raises(OutageError, match="ENOSPC"):
            ports.inputs.upload(tmp_path / "source", KEY, content_type="text/plain", file_name="x")
    assert not _new(settings)
    assert _bodies(settings) == []


def test_a_publication_that_failed_half_way_is_cleared_by_the_sweep(
    ports: EmbeddedPorts,
    store: ObjectStore,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OutageError("the index cannot be written")

    with monkeypatch.context() as patch:
        patch.setattr(type(ports.inputs._store._index), "writing", refuse)
        with pytest.raises(OutageError):
            _put(ports, tmp_path, b"body")
    assert _bodies(settings) == [b"body"]
    assert store.sweep() > 0
    assert _bodies(settings) == []


def test_bytes_whose_row_a_power_cut_took_are_swept_and_no_others(
    ports: EmbeddedPorts, store: ObjectStore, settings: Settings, tmp_path: Path
) -> None:
    for number in range(5):
        _put(ports, tmp_path, b"stays", f"gas/ada/{number}")
    lost = _put(ports, tmp_path, b"lost")
    with ports.inputs._store._index.writing() as transaction:
        transaction.execute("DELETE FROM objects WHERE version_id = ?", lost.version_id)
    assert store.sweep() == 1
    assert _bodies(settings) == [b"stays"] * 5


@pytest.mark.parametrize("name", ["../x", "a/b", "UPPER", "x", "."])
def test_a_bucket_name_that_is_no_folder_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError):
        connect_embedded(embedded_settings(tmp_path, GAS_INPUTS_BUCKET=name), MemoryClock())
