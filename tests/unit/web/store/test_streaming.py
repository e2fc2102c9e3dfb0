"""Objects of any size pass through the door without filling its memory."""

import hashlib
from datetime import timedelta

import pytest

from tests.unit.web.store.streaming import BLOCK, LARGE, MIB, download, forget_peak, rss, upload
from tests.unit.web.store.support import KEY, StoreProcess

GROWTH_LIMIT = 16 * MIB
"""Most the process may grow by while an object of any size passes."""


@pytest.mark.parametrize(
    "blocks",
    [
        pytest.param(64, id="64 MiB"),
        pytest.param(2048, id="2 GiB", marks=[pytest.mark.full, pytest.mark.timeout(600)]),
    ],
)
def test_memory_stays_flat_whatever_passes(store: StoreProcess, blocks: int) -> None:
    store.post(store.form(), b"x")
    store.follow(store.ports.inputs.link(KEY, file_name="x", expires_in=timedelta(minutes=5)))
    forget_peak(store.worker())
    before = rss(store.worker(), "VmHWM")
    etag = upload(store, blocks)
    info = store.ports.inputs.head(LARGE)
    assert (info.size, info.etag) == (blocks * MIB, etag)
    assert download(store, 0, blocks * MIB) == etag
    deep = download(store, blocks * MIB - MIB, MIB)
    assert deep == hashlib.md5(BLOCK, usedforsecurity=False).hexdigest()
    assert rss(store.worker(), "VmHWM") - before < GROWTH_LIMIT
    store.ports.inputs.delete(LARGE)
