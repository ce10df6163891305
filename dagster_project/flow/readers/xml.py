"""Reads one XML document within bounds: what a hostile one could cost is refused before it costs it.

No document type, no entity, nothing fetched, bounded size and depth; the same for notices and invoices. A delivery
is a document by itself or a zip of documents. What does not belong here: what the elements mean (adapters).
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from lxml import etree

from dagster_project.flow.readers import UnreadableDelivery, refuse_swollen

MAX_DOCUMENT_BYTES = 32 << 20  # the largest notice known is under 2 MB; an invoice with attachments a few
MAX_TAGS = 2_000_000  # 32 MB of the densest notice known; a document of nothing but tags swells to fifty times its size
MAX_ZIP_BYTES = 2 << 30
MAX_DOCUMENTS = 200_000
DECLARED_WITHIN = 4096
ZIP = b"PK\x03\x04"


@dataclass(frozen=True)
class Document:
    """One document of a delivery: its name inside the zip (None when it is the delivery itself), and its root, or
    why it cannot be read.
    """

    name: str | None
    root: etree._Element | None
    refused: UnreadableDelivery | None = None


def read_document(content: bytes) -> etree._Element:
    """The root of one document. Raises UnreadableDelivery: xml_too_large, too_large_unpacked, xml_document_type,
    broken_xml.
    """
    if len(content) > MAX_DOCUMENT_BYTES:
        raise UnreadableDelivery("xml_too_large", most=MAX_DOCUMENT_BYTES >> 20)
    if content.count(b"<") > MAX_TAGS:
        raise UnreadableDelivery("too_large_unpacked")
    if declares_type(content):
        raise UnreadableDelivery("xml_document_type")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        line, _ = error.position
        raise UnreadableDelivery("broken_xml", row=line or 1) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise UnreadableDelivery("xml_document_type")
    return root


def read_documents(stream: BinaryIO) -> Iterator[Document]:
    """The documents of a delivery, each by itself: one that is refused takes no other with it. No more of it is held
    than one document.

    Raises UnreadableDelivery for a delivery that is one document and refused, or a zip that cannot be read.
    """
    head = stream.read(len(ZIP))
    if head != ZIP:
        yield Document(None, read_document(head + stream.read(MAX_DOCUMENT_BYTES)))
        return
    size = stream.seek(0, 2)
    try:
        with zipfile.ZipFile(stream) as packed:
            members = [member for member in packed.infolist() if not member.is_dir()]
            if len(members) > MAX_DOCUMENTS:
                raise UnreadableDelivery("too_large_unpacked")
            refuse_swollen(size, sum(member.file_size for member in members), MAX_ZIP_BYTES)
            for member in members:
                yield _member(packed, member)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise UnreadableDelivery("broken_zip") from error


def declares_type(content: bytes) -> bool:
    """Whether the beginning declares a document type, in any encoding that writes ASCII with or without zeros."""
    return b"<!DOCTYPE" in content[:DECLARED_WITHIN].replace(b"\0", b"").upper()


def _member(packed: zipfile.ZipFile, member: zipfile.ZipInfo) -> Document:
    with packed.open(member) as stream:
        content = stream.read(MAX_DOCUMENT_BYTES + 1)
    try:
        return Document(member.filename, read_document(content))
    except UnreadableDelivery as refused:
        return Document(member.filename, None, refused)
