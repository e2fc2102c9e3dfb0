"""The catalogue: which sources there are, where their files are and what their columns become."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeGuard

from ann.anntools.assembly.contigs import CANONICAL
from ann.anntools.errors import AnnToolsError
from ann.anntools.store.manifest import Column

CATALOGUE: Final = Path(__file__).parent / "catalogue.toml"
NUCLEAR: Final = CANONICAL[:-1]
ASSEMBLIES: Final = ("GRCh38", "GRCh37", "NCBI36")

FORMATS: Final = (
    "bed",
    "vcf",
    "gff3",
    "gtf",
    "tsv",
    "ucsc",
    "ensembl",
    "fasta",
    "hgnc",
    "chain",
)
_NEEDS_NO_COLUMNS: Final = frozenset({"ensembl", "fasta", "hgnc", "chain", "bed"})
# In a URL: one file for each chromosome.
_EACH_CONTIG: Final = "{contig}"
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_KEY: Final = re.compile(r"[A-Za-z_][0-9A-Za-z_.]{0,59}")
_TYPES: Final = ("String", "Integer", "Float", "Character")
_MAX_DIGITS: Final = 9
_SHA256: Final = re.compile(r"[0-9a-f]{64}")

From = int | str
"""A column by number (from 1) or header name, `contig`, `INFO/KEY`, `ID`, or `attribute/KEY`."""


class CatalogueError(AnnToolsError):
    """An entry of a catalogue that cannot be understood: file, entry, what to do."""


@dataclass(frozen=True, slots=True)
class FileSpec:
    """A file of a source: a URL, or a path of the operator's own, and how it is checked."""

    role: str
    url: str
    path: Path | None = None
    md5: str | None = None  # URL of the publisher's checksum file
    sha256: str | None = None  # pinned by the operator


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """What becomes one INFO key: parts of a row, joined."""

    column: Column
    parts: tuple[From, ...]
    join: str = "|"
    studies: tuple[str, ...] = ()  # of dbSNP's FREQ, in order of preference
    digits: int = 0  # significant digits that numbers are rounded to; 0: as they are


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a table has what; `contig`, `start`, ... by number from 1 or by header name."""

    contig: From = 1
    start: From = 2
    end: From | None = None
    ref: From | None = None
    alt: From | None = None
    one_based: bool = True
    header: bool = False
    bin: bool = True
    skip_without_place: bool = False
    feature: str | None = None  # GFF: only rows of this type


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """One source of one assembly."""

    name: str
    assembly: str
    format: str
    title: str
    release: str
    licence: str
    files: tuple[FileSpec, ...]
    columns: tuple[ColumnSpec, ...]
    layout: Layout
    default: bool
    megabytes: int
    replaces: frozenset[str]
    lifts_to: str | None


_LAYOUT_KEYS: Final = {
    "contig": (int, str),
    "start": (int, str),
    "end": (int, str),
    "ref": (int, str),
    "alt": (int, str),
    "one_based": (bool,),
    "header": (bool,),
    "bin": (bool,),
    "skip_without_place": (bool,),
    "feature": (str,),
}
_SOURCE_KEYS: Final = frozenset(
    {
        *("name", "assembly", "format", "title", "release", "licence", "file", "url", "path"),
        *("md5", "sha256", "columns", "default", "megabytes", "replaces", "lifts_to"),
        *_LAYOUT_KEYS,
    }
)
_COLUMN_KEYS: Final = frozenset(
    {
        "key",
        "from",
        "join",
        "number",
        "type",
        "description",
        "integer",
        "prefix",
        "studies",
        "digits",
    }
)


def _is_table(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


class _Entry:
    """One table of the TOML file, read with complaints that say where."""

    def __init__(self, file: str, where: str, data: object, known: frozenset[str]) -> None:
        self._where = f"{file}: {where}"
        if not _is_table(data):
            raise self.error("is not a table")
        self.data = data
        for key in data:
            if key not in known:
                raise self.error(f"does not know {key!r}; known are {', '.join(sorted(known))}")

    def error(self, message: str) -> CatalogueError:
        return CatalogueError(f"{self._where}: {message}")

    def text(self, key: str, default: str | None = None) -> str:
        value = self.data.get(key, default)
        if not isinstance(value, str) or not value or any(c in value for c in "\t\r\n"):
            raise self.error(f"{key!r} must be a text of one line")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        value = self.data.get(key, default)
        if not isinstance(value, bool):
            raise self.error(f"{key!r} must be true or false")
        return value

    def one_of(self, key: str, allowed: Sequence[str], default: str | None = None) -> str:
        value = self.text(key, default)
        if value not in allowed:
            raise self.error(f"{key} {value!r} is none of {', '.join(allowed)}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.error(f"{key!r} must be a list of texts")
        return tuple(value)


def read_catalogue(path: Path) -> list[SourceSpec]:
    """The sources of a catalogue; relative paths in it are relative to its folder."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path.name}: cannot be read ({error})") from error
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{path.name}: {error}") from error
    unknown = set(data) - {"source"}
    entries = data.get("source")
    if unknown or not isinstance(entries, list) or not entries:
        raise CatalogueError(f"{path.name}: must hold [[source]] entries and nothing else")
    found = []
    for number, entry in enumerate(entries, 1):
        found.append(_source(path, number, entry))
    seen: set[tuple[str, str]] = set()
    for spec in found:
        if (spec.assembly, spec.name) in seen:
            raise CatalogueError(f"{path.name}: {spec.name} of {spec.assembly} is there twice")
        seen.add((spec.assembly, spec.name))
    return found


def _source(path: Path, number: int, data: object) -> SourceSpec:
    name = data.get("name") if _is_table(data) else None
    where = f"source {number}" + (f" ({name})" if isinstance(name, str) else "")
    entry = _Entry(path.name, where, data, _SOURCE_KEYS)
    if not _NAME.fullmatch(entry.text("name")):
        raise entry.error("a name is a letter, then up to 39 letters, digits and _")
    form = entry.one_of("format", FORMATS)
    columns = tuple(
        _column(path, f"{where}, column {index}", column, form)
        for index, column in enumerate(_list(entry, "columns"), 1)
    )
    if not columns and form not in _NEEDS_NO_COLUMNS:
        raise entry.error(f"format {form} needs columns = [{{ key = ..., from = ... }}]")
    if form == "chain" and "lifts_to" not in entry.data:
        raise entry.error("a chain needs lifts_to")
    size = entry.data.get("megabytes", 0)
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise entry.error("'megabytes' must be a whole number")
    title = entry.text("title", entry.text("name"))
    return SourceSpec(
        name=entry.text("name"),
        assembly=entry.one_of("assembly", ASSEMBLIES),
        format=form,
        title=title,
        release=entry.text("release", "not said"),
        licence=entry.text("licence", "not said"),
        files=_files(path, entry),
        columns=columns,
        layout=_layout(entry, form),
        default=entry.flag("default", default=False),
        megabytes=size,
        replaces=frozenset(entry.texts("replaces")) | ({"rCRS"} if form == "fasta" else set()),
        lifts_to=entry.one_of("lifts_to", ASSEMBLIES) if form == "chain" else None,
    )


def _list(entry: _Entry, key: str) -> list[object]:
    value = entry.data.get(key, [])
    if not isinstance(value, list):
        raise entry.error(f"{key!r} must be a list")
    return value


def _files(path: Path, entry: _Entry) -> tuple[FileSpec, ...]:
    known = frozenset({"url", "path", "md5", "sha256"})
    if "file" not in entry.data:
        inline = {key: entry.data[key] for key in known if key in entry.data}
        named: Mapping[str, object] = {"data": inline}
    else:
        value = entry.data["file"]
        if not _is_table(value):
            raise entry.error("'file' must name roles, as in file.data = { url = ... }")
        named = value
    found = []
    for role, data in named.items():
        where = f"{entry.text('name')}, file {role}"
        file = _file(path, _Entry(path.name, where, data, known), role)
        if _EACH_CONTIG not in file.url:
            found.append(file)
            continue
        if file.path is not None or file.md5 or file.sha256:
            raise entry.error(f"{_EACH_CONTIG} stands in a url without md5 and sha256 only")
        found += [
            FileSpec(f"chr{contig}", file.url.replace(_EACH_CONTIG, contig)) for contig in NUCLEAR
        ]
    return tuple(found)


def _file(path: Path, entry: _Entry, role: str) -> FileSpec:
    if ("url" in entry.data) == ("path" in entry.data):
        raise entry.error("needs either url or path")
    sha256 = entry.data.get("sha256")
    if sha256 is not None and not (isinstance(sha256, str) and _SHA256.fullmatch(sha256)):
        raise entry.error("'sha256' must be 64 hexadecimal digits")
    md5 = entry.text("md5") if "md5" in entry.data else None
    if "url" in entry.data:
        url = entry.text("url")
        if not url.startswith(("https://", "http://")):
            raise entry.error("'url' must begin with https:// or http://")
        return FileSpec(role, url, None, md5, sha256)
    own = path.parent / entry.text("path")
    return FileSpec(role, own.name, own, md5, sha256)


def _layout(entry: _Entry, form: str) -> Layout:
    given: dict[str, object] = {}
    for key, kinds in _LAYOUT_KEYS.items():
        if key in entry.data:
            value = entry.data[key]
            wrong = isinstance(value, bool) and bool not in kinds
            if wrong or not isinstance(value, kinds):
                raise entry.error(f"{key!r} is of the wrong type")
            given[key] = value
    layout = replace(Layout(), **given)  # type: ignore[arg-type]  # checked key by key above
    if form == "tsv" and layout.alt is not None and layout.ref is None:
        raise entry.error("'alt' needs 'ref'")
    return layout


def _column(path: Path, where: str, data: object, form: str) -> ColumnSpec:
    entry = _Entry(path.name, where, data, _COLUMN_KEYS)
    key = entry.text("key")
    if not _KEY.fullmatch(key):
        raise entry.error(f"{key!r} is no INFO key: a letter or _, then letters, digits, _ and .")
    source = entry.data.get("from")
    parts: list[From] = []
    for part in source if isinstance(source, list) else [source]:
        if isinstance(part, bool) or not isinstance(part, int | str) or part in (0, ""):
            raise entry.error(
                "'from' must be a column's number (from 1) or name, or a list of such"
            )
        parts.append(part)
    join = entry.data.get("join", "|")
    if not isinstance(join, str) or any(c in join for c in "\t\r\n,;= "):
        raise entry.error("'join' must be a text without blanks, commas, semicolons and =")
    column = Column(
        key=key,
        number=entry.one_of("number", ("A", ".", "1"), "A" if form == "vcf" else "."),
        type=entry.one_of("type", _TYPES, "Integer" if entry.data.get("integer") else "String"),
        description=entry.text("description", f"{key} of {where}").replace('"', "'"),
        integer=entry.flag("integer", default=False),
        prefix=entry.text("prefix") if "prefix" in entry.data else "",
    )
    if column.key == "ID":
        column = replace(column, type="String")
    digits = entry.data.get("digits", 0)
    if not isinstance(digits, int) or isinstance(digits, bool) or not 0 <= digits <= _MAX_DIGITS:
        raise entry.error(f"'digits' must be a whole number up to {_MAX_DIGITS}")
    return ColumnSpec(column, tuple(parts), join, entry.texts("studies"), digits)
