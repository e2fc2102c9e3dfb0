"""Downloads that survive interruptions: resumed, retried, checked, recorded."""

import email.message
import errno
import hashlib
import http.client
import json
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

from ann.anntools.build.catalogue import FileSpec
from ann.anntools.build.parse.lines import SourceError, blocks
from ann.anntools.build.progress import Progress, megabytes
from ann.anntools.errors import AnnToolsError
from ann.anntools.version import VERSION

_T = TypeVar("_T")

_BLOCK: Final = 1 << 20
_GZIP: Final = b"\x1f\x8b"
_MARGIN: Final = 64_000_000
_TIMEOUT_SECONDS: Final = 60
_RETRIED: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_PARTIAL, _NOT_MODIFIED, _RANGE_IMPOSSIBLE = 206, 304, 416
_MD5: Final = re.compile(r"\b[0-9a-fA-F]{32}\b")
_SMALL: Final = 1 << 16
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")


class DownloadError(AnnToolsError):
    """A file that cannot be had: the URL, what happened, what to do."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole file with where it came from; `retrieved_at` is an ISO date."""

    path: Path
    url: str
    sha256: str
    retrieved_at: str


@dataclass(frozen=True, slots=True)
class _Record:
    """What is written beside a file that is whole."""

    url: str
    size: int
    sha256: str
    retrieved_at: str
    etag: str
    last_modified: str


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient to be; seconds double from `first_wait` after each failed try."""

    tries: int = 5
    first_wait: float = 1.0
    timeout: float = _TIMEOUT_SECONDS
    sleep: Callable[[float], None] = time.sleep


class _Again(Exception):  # noqa: N818  # a reason to try once more, not an error to report
    """Something that may be better the next time."""


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    return _digest(path, "sha256")


def _digest(path: Path, name: str) -> str:
    digest = hashlib.new(name, usedforsecurity=False)
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


class Downloader:
    """Fetches files into a folder where they stay for the next build.

    `mirror` takes the place of `scheme://` in every URL.  With `refresh` the server is asked
    whether a file that is there has changed; `offline` asks nobody.
    """

    def __init__(
        self,
        folder: Path,
        *,
        mirror: str | None = None,
        refresh: bool = False,
        offline: bool = False,
        policy: Policy | None = None,
    ) -> None:
        self._folder = folder
        self._mirror = mirror.rstrip("/") + "/" if mirror else None
        self._refresh = refresh
        self._offline = offline
        self._policy = policy or Policy()

    def fetch(self, spec: FileSpec, prefix: str, progress: Progress) -> Fetched:
        """The file of `spec`, downloaded unless it is there; raises DownloadError."""
        if spec.path is not None:
            return self._own(spec, spec.path)
        self._folder.mkdir(parents=True, exist_ok=True)
        base = _UNSAFE.sub("_", Path(urlsplit(spec.url).path).name or "file")
        path = self._folder / f"{prefix}-{spec.role}-{base}"
        record = _read_record(path)
        whole = record is not None and record.url == spec.url and path.is_file()
        if record is not None and whole and path.stat().st_size == record.size:
            if not self._refresh or self._offline:
                return Fetched(path, spec.url, record.sha256, record.retrieved_at)
        else:
            record = None
        if self._offline:
            raise DownloadError(
                f"{spec.url} has not been downloaded yet; build once without --offline"
            )
        return self._download(spec, path, record, progress)

    @staticmethod
    def _own(spec: FileSpec, path: Path) -> Fetched:
        if not path.is_file():
            raise DownloadError(f"{path} is not there or not a file")
        sha256 = sha256_of(path)
        if spec.sha256 and sha256 != spec.sha256:
            raise DownloadError(
                f"{path.name}: SHA-256 is {sha256}, the catalogue says {spec.sha256}"
            )
        day = datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat()
        return Fetched(path, path.name, sha256, day)

    def _download(
        self, spec: FileSpec, path: Path, known: _Record | None, progress: Progress
    ) -> Fetched:
        part = path.with_name(path.name + ".part")
        for attempt in range(2):
            headers = self._transfer(spec.url, part, known, progress)
            if headers is None and known is not None:
                return Fetched(path, spec.url, known.sha256, known.retrieved_at)
            problem, sha256 = self._check(spec, part)
            if problem is None:
                break
            part.unlink()
            _forget(part)
            if attempt:
                raise DownloadError(
                    f"{spec.url}: {problem}; downloaded twice with the same result. "
                    "The reference in use stays; try again later, or check the catalogue"
                )
        tags = headers or email.message.Message()
        record = _Record(
            spec.url,
            part.stat().st_size,
            sha256,
            datetime.now(UTC).date().isoformat(),
            tags.get("ETag", ""),
            tags.get("Last-Modified", ""),
        )
        part.replace(path)
        _forget(part)
        _write_record(path, asdict(record))
        return Fetched(path, spec.url, sha256, record.retrieved_at)

    def _check(self, spec: FileSpec, part: Path) -> tuple[str | None, str]:
        """What is wrong with a file that has arrived, and its SHA-256."""
        sha256 = sha256_of(part)
        if spec.sha256 and sha256 != spec.sha256:
            return f"SHA-256 is {sha256}, the catalogue says {spec.sha256}", sha256
        if spec.md5:
            text = self._small_text(spec.md5)
            match = _MD5.search(text)
            if match is None:
                raise DownloadError(f"{spec.md5} holds no MD5")
            found = _digest(part, "md5")
            if found != match[0].lower():
                return f"MD5 is {found}, {spec.md5} says {match[0].lower()}", sha256
        elif not spec.sha256:
            try:
                with part.open("rb") as stream:
                    packed = stream.read(2) == _GZIP
                if packed:
                    for _ in blocks(part):
                        pass
            except SourceError as error:
                return f"arrived damaged ({error.message})", sha256
        return None, sha256

    def _small_text(self, url: str) -> str:
        def read() -> str:
            with self._open(url, {}) as answer:
                data: bytes = answer.read(_SMALL)
                return data.decode("utf-8", "replace")

        return self._tried(url, read)

    def _transfer(
        self, url: str, part: Path, known: _Record | None, progress: Progress
    ) -> email.message.Message | None:
        """Get all of a file into `part`; None if the server says that `known` still holds."""

        def attempt() -> email.message.Message | None:
            return self._once(url, part, known, progress)

        return self._tried(url, attempt)

    def _tried(self, url: str, action: Callable[[], _T]) -> _T:
        wait = self._policy.first_wait
        for attempt in range(1, self._policy.tries + 1):
            try:
                return action()
            except _Again as reason:
                if attempt == self._policy.tries:
                    raise DownloadError(
                        f"{url}: {reason} ({attempt} tries). What has arrived is kept: "
                        "run the same command again to go on"
                    ) from reason
                self._policy.sleep(wait)
                wait *= 2
        raise AssertionError("unreachable")

    def _open(self, url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        """Send a request; raises _Again for what may pass, DownloadError for what will not."""
        target = url
        if self._mirror is not None:
            target = self._mirror + url.partition("://")[2]
        # The catalogue lets only http and https pass.
        request = urllib.request.Request(target, headers=headers)  # noqa: S310
        request.add_header("User-Agent", f"AnnTools/{VERSION}")
        # Files are kept as they are served: nothing may be unpacked on the way.
        request.add_header("Accept-Encoding", "identity")
        try:
            answer: http.client.HTTPResponse = urllib.request.urlopen(  # noqa: S310
                request, timeout=self._policy.timeout
            )
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in _RETRIED:
                raise _Again(f"the server answered {error.code} {error.reason}") from error
            if error.code in {_NOT_MODIFIED, _RANGE_IMPOSSIBLE}:
                raise
            raise DownloadError(
                f"{target}: the server answered {error.code} {error.reason}. The file may have "
                "moved: look for it on the site and give its URL in a catalogue of your own"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise _Again(f"no answer from the server ({reason})") from error
        return answer

    def _once(
        self, url: str, part: Path, known: _Record | None, progress: Progress
    ) -> email.message.Message | None:
        have = part.stat().st_size if part.is_file() else 0
        tag = _read_tag(part) if have else ""
        headers = {}
        if tag:
            headers = {"Range": f"bytes={have}-", "If-Range": tag}
        elif known is not None and known.etag:
            headers = {"If-None-Match": known.etag}
        elif known is not None and known.last_modified:
            headers = {"If-Modified-Since": known.last_modified}
        try:
            answer = self._open(url, headers)
        except urllib.error.HTTPError as error:
            if error.code == _NOT_MODIFIED and known is not None:
                return None
            part.unlink(missing_ok=True)
            raise _Again("what had arrived does not fit the file of the server") from error
        with answer:
            if answer.status != _PARTIAL:
                have = 0
            elif not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                part.unlink()
                raise _Again("the server sent another part than was asked for")
            self._receive(answer, part, have, progress)
            return answer.headers

    def _receive(
        self, answer: http.client.HTTPResponse, part: Path, have: int, progress: Progress
    ) -> None:
        length = answer.headers.get("Content-Length", "")
        total = have + int(length) if length.isdigit() else 0
        free = shutil.disk_usage(part.parent).free
        if total and total - have + _MARGIN > free:
            raise DownloadError(
                f"{part.name} needs {megabytes(total - have + _MARGIN)} and there are "
                f"{megabytes(free)} free in {part.parent}; make room and run the command again"
            )
        _write_record(part, {"tag": _tag_of(answer.headers)})
        size = have
        with part.open("ab" if have else "wb") as out:
            progress(size, total)
            while True:
                try:
                    block = answer.read(_BLOCK)
                except http.client.IncompleteRead as error:
                    block = error.partial
                    if not block:
                        raise _Again(f"cut short at {megabytes(size)}") from error
                except (OSError, http.client.HTTPException) as error:
                    raise _Again(f"the connection broke at {megabytes(size)} ({error})") from error
                if not block:
                    break
                _write(out.write, block, part)
                size += len(block)
                progress(size, total)
        if total and size < total:
            raise _Again(f"cut short at {size} of {total} bytes")


def _write(write: Callable[[bytes], int], block: bytes, part: Path) -> None:
    try:
        write(block)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise DownloadError(
            f"no room left in {part.parent} for {part.name}; make room and run the command "
            "again: it goes on where it stopped"
        ) from error


def _tag_of(headers: email.message.Message) -> str:
    """What tells whether a file is still the same when it is asked for again, or nothing."""
    etag: str = headers.get("ETag", "")
    if etag and not etag.startswith("W/"):
        return etag
    modified: str = headers.get("Last-Modified", "")
    return modified


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _forget(path: Path) -> None:
    _sidecar(path).unlink(missing_ok=True)


def _write_record(path: Path, data: dict[str, object]) -> None:
    target = _sidecar(path)
    new = target.with_name(target.name + ".new")
    new.write_text(json.dumps(data), encoding="utf-8")
    new.replace(target)


def _read_json(path: Path) -> dict[str, object]:
    try:
        data = json.loads(_sidecar(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _read_tag(part: Path) -> str:
    tag = _read_json(part).get("tag", "")
    return tag if isinstance(tag, str) else ""


def _read_record(path: Path) -> _Record | None:
    data = _read_json(path)
    size = data.get("size")
    if not isinstance(size, int):
        return None
    texts = {
        key: str(data.get(key, ""))
        for key in ("url", "sha256", "retrieved_at", "etag", "last_modified")
    }
    return _Record(size=size, **texts)
