"""Finds what was delivered and reads it as text, with provenance: file, sheet, row, content hash.

Whatever lies under raw/<source>/ is a delivery, so that nothing is passed over in silence: what is no plain file
that may be read comes with its fault, and is refused when it is its turn. Knows files, not domains: which
columns mean what is for standardise. What does not belong here: types, words, and whether a row is good.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from dagster_project.flow.dialects import Dialect
from dagster_project.flow.readers import PassingFault, Score, Table, UnreadableDelivery, is_of_the_disk
from dagster_project.flow.readers.csv import read_csv
from dagster_project.flow.readers.excel import read_excel
from dagster_project.flow.readers.parquet import read_parquet
from dagster_project.flow.values.identity import pseudonym_key, screen_name
from dagster_project.settings import Workspace

__all__ = [
    "Delivery",
    "Table",
    "UnreadableDelivery",
    "content_of",
    "deliveries",
    "form_of",
    "natural_key",
    "plain_name",
    "read_tables",
    "shown_name",
]

NEVER_DELIVERIES = {"thumbs.db", "desktop.ini"}
CHUNK_BYTES = 1 << 20
FORMS = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "csv",
    ".csv.gz": "csv",
    ".txt.gz": "csv",
    ".tsv.gz": "csv",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".parquet": "parquet",
}
ENDINGS = {"csv": ".csv", "excel": ".xlsx", "parquet": ".parquet"}
READERS = {"csv": read_csv, "excel": read_excel, "parquet": read_parquet}


Stamp = tuple[int, int, int, int]
"""Device, inode, size, time of change in nanoseconds."""


@dataclass(frozen=True)
class Delivery:
    """One delivered file. `file` is its path relative to the data folder, with forward slashes, each name plain.

    `fault` is the rule `file.<fault>` that refuses what cannot be read at all; `sha256` is then empty. `stamp` is
    what the file system said of the file while it was hashed: another stamp means another content.
    """

    source: str
    path: Path
    file: str
    sha256: str
    size: int
    modified_at: datetime
    fault: str | None = None
    stamp: Stamp | None = None


def natural_key(file: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """A sort key: case-folded, numbers by value, so that `a_9` comes before `a_10`; the ending last.

    The ending takes no part in the order of names, so that `a.csv` comes before `a-rättelse.csv` and `a (2).csv`.
    """
    folded = file.casefold()
    ending = "".join(Path(folded).suffixes[-2:] if folded.endswith(".gz") else Path(folded).suffixes[-1:])
    parts = re.split(r"([0-9]+)", folded.removesuffix(ending))
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part), ending


def plain_name(name: str) -> str:
    """A name from the disk as one line that can be shown and stored: what cannot be printed is written out.

    A backslash is doubled, so that two names are never written alike.
    """
    return "".join(
        sign
        if sign.isprintable() and sign != "\\"
        else sign.encode("unicode_escape", "surrogatepass").decode("ascii")
        for sign in name
    )


def deliveries(workspace: Workspace) -> list[Delivery]:
    """Everything under `raw/<folder>/`, at any depth, in natural order; the folder's name is the source.

    A personal number in a name becomes a keyed token; `path` alone keeps the name as it is.
    """
    found = sorted(_delivered(workspace), key=lambda delivery: (natural_key(delivery.file), delivery.file))
    return [_screened(workspace, delivery) for delivery in found]


def shown_name(workspace: Workspace, name: str) -> str:
    """The name of a file or folder as it may be shown and stored: plain, and without personal numbers."""
    return plain_name(screen_name(name, lambda: pseudonym_key(workspace)))


def _screened(workspace: Workspace, delivery: Delivery) -> Delivery:
    parts = [shown_name(workspace, part) for part in delivery.path.relative_to(workspace.root).parts]
    return replace(delivery, file="/".join(parts), source=shown_name(workspace, delivery.source))


def _delivered(workspace: Workspace) -> Iterator[Delivery]:
    """Walks with a stack of its own: folders may lie deeper than Python may call."""
    inside = [Path(os.path.realpath(folder)) for folder in (workspace.root, workspace.raw)]
    waiting = [workspace.raw] if workspace.raw.is_dir() else []
    while waiting:
        folder = waiting.pop()
        is_source = folder == workspace.raw
        try:
            with os.scandir(folder) as listing:
                entries = list(listing)
        except OSError as error:
            if is_source:
                raise
            yield _refused(workspace, folder, _fault_of(error))
            continue
        for entry in entries:
            path = folder / entry.name
            if _never_delivery(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append(path)
            elif not is_source:
                yield _delivery(workspace, path, inside)
            elif entry.is_symlink() and not os.path.isfile(path):
                yield _refused(workspace, path, "folder_link" if os.path.isdir(path) else "broken_link")


def _never_delivery(name: str) -> bool:
    return name.startswith((".", "~$")) or name.casefold() in NEVER_DELIVERIES


def _delivery(workspace: Workspace, path: Path, inside: list[Path]) -> Delivery:
    digest = hashlib.sha256()
    try:
        if path.is_symlink() and (fault := _fault_of_link(path, inside)):
            return _refused(workspace, path, fault)
        # A pipe without a writer would be waited for, were it opened as a file is.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
            before = os.fstat(stream.fileno())
            if not stat.S_ISREG(before.st_mode):
                return _refused(workspace, path, "no_plain_file")
            while chunk := stream.read(CHUNK_BYTES):
                digest.update(chunk)
            after = os.fstat(stream.fileno())
    except OSError as error:
        return _refused(workspace, path, _fault_of(error, path))
    if _stamp(before) != _stamp(after):
        return _refused(workspace, path, "changed")
    return Delivery(
        source=_source_of(workspace, path),
        path=path,
        file=_plain_path(workspace, path),
        sha256=digest.hexdigest(),
        size=after.st_size,
        modified_at=_modified_at(after),
        stamp=_stamp(after),
    )


def _refused(workspace: Workspace, path: Path, fault: str) -> Delivery:
    try:
        modified = os.lstat(path).st_mtime
    except OSError:
        modified = 0.0  # gone, or in a folder that may not be entered: nothing is known of it
    return Delivery(
        source=_source_of(workspace, path),
        path=path,
        file=_plain_path(workspace, path),
        sha256="",
        size=0,
        modified_at=datetime.fromtimestamp(modified, tz=UTC),
        fault=fault,
    )


def _source_of(workspace: Workspace, path: Path) -> str:
    return path.relative_to(workspace.raw).parts[0]


def _plain_path(workspace: Workspace, path: Path) -> str:
    return "/".join(plain_name(part) for part in path.relative_to(workspace.root).parts)


def _modified_at(status: os.stat_result) -> datetime:
    """When the file was changed; the nearest time that can be told where its clock was out of its mind."""
    try:
        return datetime.fromtimestamp(status.st_mtime, tz=UTC)
    except (ValueError, OverflowError):
        return datetime.max.replace(tzinfo=UTC) if status.st_mtime > 0 else datetime.min.replace(tzinfo=UTC)


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _fault_of_link(path: Path, inside: list[Path]) -> str | None:
    """What refuses a link: only one to a file within the data folder is read. Raises OSError: leads nowhere."""
    target = Path(os.path.realpath(path, strict=True))
    if not any(target.is_relative_to(folder) for folder in inside):
        return "outside_link"
    return "folder_link" if target.is_dir() else None


def _fault_of(error: OSError, path: Path | None = None) -> str:
    """The rule for what the file system refuses."""
    if path is not None and os.path.islink(path) and not os.path.exists(path):
        return "broken_link"
    if isinstance(error, PermissionError):
        return "no_rights"
    if isinstance(error, FileNotFoundError):
        return "changed"
    if error.errno == errno.ENXIO:
        return "no_plain_file"  # a socket
    return "unreachable"


def form_of(path: Path) -> str | None:
    """`csv`, `excel`, `parquet`, or None: by the name's ending, the only thing about a name that matters."""
    name = path.name.casefold()
    return next((form for ending, form in FORMS.items() if name.endswith(ending)), None)


def read_tables(
    delivery: Delivery, score: Score, scratch: Path | None = None, dialects: Sequence[Dialect] = ()
) -> list[Table]:
    """The data sheets of one file as text; a dialect that opens the file reads it, whatever its name.

    `score(cells)` says how many of a row's cells are known headings; the best row among the first 50 is the
    heading. Sheets without one are no data sheets and are listed in `Table.ignored_sheets`. `scratch` is a
    folder for the spooled text; without it a temporary one lives as long as the tables do.

    Raises UnreadableDelivery: unsupported form, broken or encrypted file, no heading on any sheet.
    """
    if delivery.fault is not None:
        raise PassingFault(delivery.fault)
    form = form_of(delivery.path)
    if form is None and not dialects:
        raise _unsupported(delivery)
    keep = None
    if scratch is None:
        keep = tempfile.TemporaryDirectory(prefix="mattstock-")
        scratch = Path(keep.name)
    own = scratch / f"delivered{ENDINGS.get(form or '', '')}"
    _copy(delivery, own)
    try:
        opening = next((dialect for dialect in dialects if dialect.opens(own)), None)
        if opening is not None:
            return opening.read(own, scratch)
        if form is None:
            raise _unsupported(delivery)
        return READERS[form](own, score, scratch, keep)
    finally:
        own.unlink()


def _unsupported(delivery: Delivery) -> UnreadableDelivery:
    ending = plain_name(delivery.path.suffix or delivery.path.name)
    return UnreadableDelivery("unsupported_format", ending=ending)


def content_of(delivery: Delivery, most: int) -> bytes:
    """The very content that was hashed. Raises PassingFault as `read_tables` does, UnreadableDelivery xml_too_large."""
    if delivery.fault is not None:
        raise PassingFault(delivery.fault)
    if delivery.size > most:
        raise UnreadableDelivery("xml_too_large", most=most >> 20)
    try:
        with delivery.path.open("rb") as stream:
            content = stream.read(most + 1)
            after = _stamp(os.fstat(stream.fileno()))
    except OSError as error:
        if is_of_the_disk(error) and not isinstance(error, PermissionError):
            raise
        raise PassingFault(_fault_of(error, delivery.path)) from error
    if delivery.stamp not in (None, after):
        raise PassingFault("changed")
    return content


def _copy(delivery: Delivery, own: Path) -> None:
    """A copy of the very content that was hashed. Raises PassingFault: changed, gone or closed meanwhile.

    What is read must hold still: a file that shrinks under a library that has mapped it into memory kills the
    process. The stamps before and after tell that nothing changed meanwhile, without hashing a second time.
    """
    try:
        before = _stamp(delivery.path.stat())
        if delivery.stamp not in (None, before):
            raise PassingFault("changed")
        shutil.copyfile(delivery.path, own)
        after = _stamp(delivery.path.stat())
    except shutil.SpecialFileError as error:
        raise PassingFault("no_plain_file") from error
    except OSError as error:
        if is_of_the_disk(error) and not isinstance(error, PermissionError):
            raise
        raise PassingFault(_fault_of(error, delivery.path)) from error
    if before != after:
        raise PassingFault("changed")
