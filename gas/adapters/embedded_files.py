"""One bucket of the embedded object store, as the daemons and the pages see it.

They read and write its files themselves; browsers go through the store's own process.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from gas.adapters.embedded_forms import Forms, Permit
from gas.adapters.embedded_objects import ObjectStore
from gas.domain.errors import ObjectChangedError, ObjectNotFoundError
from gas.ports import ObjectInfo, UploadForm

CHUNK = 1024 * 1024


class EmbeddedFiles:
    """The port Files over files."""

    def __init__(self, bucket: str, store: ObjectStore, forms: Forms) -> None:
        self._bucket = bucket
        self._store = store
        self._forms = forms

    @property
    def bucket(self) -> str:
        return self._bucket

    def upload_form(
        self,
        key: str,
        *,
        max_bytes: int,
        content_type: str,
        expires_in: timedelta,
        redirect_to: str | None,
    ) -> UploadForm:
        permit = Permit(
            key=key, content_type=content_type, max_bytes=max_bytes, redirect_to=redirect_to
        )
        return self._forms.form(self._bucket, permit, expires_in)

    def head(self, key: str, version_id: str | None = None) -> ObjectInfo:
        return self._store.find(self._bucket, key, version_id).info

    def download(self, info: ObjectInfo, to: Path) -> None:
        with self._frozen(info) as source:
            try:
                with to.open("wb") as target:
                    shutil.copyfileobj(source, target, CHUNK)
            except BaseException:
                to.unlink(missing_ok=True)
                raise

    def copy(self, info: ObjectInfo, key: str) -> ObjectInfo:
        found = self._store.find(self._bucket, info.key)
        with self._frozen(info) as body:
            return self._write(
                body, key, content_type=found.content_type, file_name=found.file_name
            )

    @contextmanager
    def _frozen(self, info: ObjectInfo) -> Iterator[BinaryIO]:
        """The bytes of exactly that object."""
        try:
            stored = self._store.find(self._bucket, info.key, info.version_id)
        except ObjectNotFoundError:
            self._store.find(self._bucket, info.key)
            raise ObjectChangedError(
                f"object {info.key} is not the one that was submitted"
            ) from None
        with self._store.open(self._bucket, stored) as source:
            size = os.fstat(source.fileno()).st_size
            if (stored.info.etag, stored.info.size, size) != (info.etag, info.size, info.size):
                raise ObjectChangedError(f"object {info.key} is not the one that was submitted")
            yield source

    def upload(self, source: Path, key: str, *, content_type: str, file_name: str) -> ObjectInfo:
        with source.open("rb") as body:
            return self._write(body, key, content_type=content_type, file_name=file_name)

    def _write(self, body: BinaryIO, key: str, *, content_type: str, file_name: str) -> ObjectInfo:
        with self._store.writing() as new:
            while chunk := body.read(CHUNK):
                new.write(chunk)
            return self._store.publish(
                new, self._bucket, key, content_type=content_type, file_name=file_name
            )

    def read(self, key: str, *, start: int = 0, length: int) -> bytes:
        stored = self._store.find(self._bucket, key)
        with self._store.open(self._bucket, stored) as body:
            body.seek(start)
            parts: list[bytes] = []
            while length > 0 and (part := body.read(length)):
                parts.append(part)
                length -= len(part)
        return b"".join(parts)

    def link(self, key: str, *, file_name: str, expires_in: timedelta) -> str:
        return self._forms.link(self._bucket, key, file_name=file_name, expires_in=expires_in)

    def delete(self, key: str) -> None:
        self._store.delete(self._bucket, key)

    def keys(self, prefix: str) -> Iterator[ObjectInfo]:
        return self._store.keys(self._bucket, prefix)
