"""Peppol BIS Billing 3 / EN 16931: UBL invoices and credit notes become lines of the ledger.

A delivery is one document, an envelope of several, or a zip of either. The row read is the document's line or its
header charge or allowance; together they are the total without tax, to the öre, or the document is set aside. Credit
notes are negated. What does not belong here: what bounds a document (`readers/xml.py`), what a good date or number
is (`standardise`), and which purchase is told twice (`reconcile`).
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import polars as pl
from lxml import etree

from dagster_project.contracts import Source
from dagster_project.flow.dialects import Echo
from dagster_project.flow.readers import EXTRA, ROW, Table, UnreadableDelivery, columns_of
from dagster_project.flow.readers.xml import ZIP, Document, read_documents
from dagster_project.flow.values.identity import is_person_as_amount, mask
from dagster_project.messages import message

NAME = "ubl"
ECHO = Echo(
    same=("buyer_unit_id", "supplier_invoice_number"),
    who="supplier_id",
    who_named="supplier_name",
    fills=("supplier_id", "supplier_bankgiro", "category_code", "contract_id", "order_id", "cost_centre"),
)
# The classifications of a line, best first, as `LIST CODE;LIST CODE`; the first that is mapped gives the category.
RESOLVED: Mapping[str, str] = {
    "category_code": """
    select given, arg_min(c.category_code, place) as value
    from (
        select
            given,
            unnest(string_split(given, ';')) as code,
            generate_subscripts(string_split(given, ';'), 1) as place
        from (select distinct category_code as given from {rows} where category_code is not null)
    ) as asked
    inner join delivered.classifications as c on upper(c.list) || ' ' || c.code = asked.code
    where
        not exists (select 1 from delivered.categories)
        or c.category_code in (select k.category_code from delivered.categories as k)
    group by given
    """
}

INVOICE = "{urn:oasis:names:specification:ubl:schema:xsd:Invoice-2}Invoice"
CREDIT_NOTE = "{urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2}CreditNote"
CREDIT_TYPES = frozenset({"81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "532"})
AGGREGATE = "{urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2}"
BASIC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2}"
SWEDISH = "0007"
# UNTDID 7143 writes the United Nations' products and services code as TSP; people write its name.
LISTS = {"TSP": "UNSPSC", "TST": "UNSPSC"}
HEADER = (
    "buyer_orgnr",
    "buyer_unit_id",
    "invoice_id",
    "line_no",
    "supplier_id",
    "supplier_name",
    "supplier_bankgiro",
    "invoice_date",
    "booking_date",
    "cost_centre",
    "category_code",
    "contract_id",
    "order_id",
    "supplier_invoice_number",
    "amount_net",
    "currency",
    "text",
)
HEAD_BYTES = 64 << 10
MAX_ROWS = 1_000_000  # of one delivery; as many documents as a zip may hold, with five lines each
PACKED_ROWS = 20_000
TEXT_CHARACTERS = 500


class _Unfit(Exception):
    """A document that cannot be counted; `rule` and `arguments` give the message `row.<rule>`."""

    def __init__(self, rule: str, **arguments: object) -> None:
        super().__init__(rule)
        self.rule = rule
        self.arguments = arguments


@dataclass
class _Rows:
    """The rows of a delivery as they are found, each with its place, and what is wrong with whole documents.

    `packed` holds the rows of earlier documents, a frame for many of them, which takes a fourth of the memory.
    """

    cells: list[dict[str, str | None]] = field(default_factory=list)
    packed: list[pl.DataFrame] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    findings: list[dict[str, object]] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many rows there are so far."""
        return len(self.places)

    def add(self, cells: Mapping[str, str | None], place: str) -> None:
        self.cells.append(dict(cells))
        self.places.append(place)

    def unfit(self, since: int, rule: str, **arguments: object) -> None:
        """Set aside every row since a number; a document without any row is one row."""
        if self.count == since:
            self.add({}, str(arguments.get("document", "")))
        words = {language: message(f"row.{rule}", language, **arguments) for language in ("sv", "en")}
        for row in range(since, self.count):
            self.findings.append(
                {
                    "severity": "error",
                    ROW: row + 1,
                    "column_name": "amount_net",
                    "rule": rule,
                    "raw_value": str(arguments.get("difference", "")),
                    "message_sv": words["sv"],
                    "message_en": words["en"],
                }
            )

    def pack(self, from_rows: int) -> None:
        """Lay the rows that lie loose together where there are so many."""
        if len(self.cells) >= from_rows:
            cells = {
                name: pl.Series([row.get(column) for row in self.cells], dtype=pl.String)
                for name, column in zip(columns_of(len(HEADER)), HEADER, strict=True)
            }
            self.packed.append(pl.DataFrame(cells))
            self.cells.clear()

    def frame(self) -> pl.DataFrame:
        """All rows, columns by position (String)."""
        self.pack(from_rows=0)
        return pl.concat(self.packed)


# -- the dialect ----------------------------------------------------------------------------------------


def opens(own: Path) -> bool:
    """XML, or a zip that holds XML and is no workbook."""
    with own.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    if head.startswith(ZIP):
        return _holds_documents(own)
    return head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith(b"<")


def _holds_documents(own: Path) -> bool:
    try:
        with zipfile.ZipFile(own) as packed:
            names = packed.namelist()
    except (zipfile.BadZipFile, ValueError):
        return False
    return "[Content_Types].xml" not in names and any(name.casefold().endswith(".xml") for name in names)


def read(own: Path, folder: Path) -> list[Table]:
    """One table of every document's rows. Raises UnreadableDelivery for what is no invoice at all."""
    rows = _Rows()
    with own.open("rb") as stream:
        for document in read_documents(stream):
            _add_document(rows, document)
            if rows.count > MAX_ROWS:
                raise UnreadableDelivery("too_large_unpacked")
            rows.pack(PACKED_ROWS)
    frame = rows.frame().with_columns(
        pl.int_range(1, rows.count + 1, dtype=pl.Int64).alias(ROW),
        pl.lit(None, dtype=pl.String).alias(EXTRA),
    )
    spool = folder / "invoices.parquet"
    frame.write_parquet(spool, compression="lz4")
    return [
        Table(
            None,
            list(HEADER),
            spool,
            frame.height,
            typed=True,
            dialect=NAME,
            places=pl.Series(rows.places, dtype=pl.String),
            findings=tuple(rows.findings),
        )
    ]


def speaks(tables: Sequence[Table]) -> bool:
    """What `read` gave."""
    return bool(tables) and all(table.dialect == NAME for table in tables)


def translate(tables: Sequence[Table], folder: Path) -> list[Table]:
    """They have our headings already."""
    return list(tables)


def contract(source: Source) -> Source:
    """The ledger's contract without an account, which no invoice bears."""
    columns = tuple(
        column.model_copy(update={"required": False}) if column.name == "account" else column
        for column in source.columns
    )
    return source.model_copy(update={"columns": columns})


# -- documents ------------------------------------------------------------------------------------------


def _add_document(rows: _Rows, document: Document) -> None:
    """The rows of one member of a zip, or of the delivery itself."""
    name = "" if document.name is None else mask(document.name)
    since = rows.count
    if document.refused is not None or document.root is None:
        rule = document.refused.rule if document.refused is not None else "broken_xml"
        rows.unfit(since, "ubl_unreadable", document=name, reason=rule)
        return
    invoices = list(_invoices(document.root))
    if not invoices:
        tag = mask(etree.QName(document.root).localname)[:100]
        if document.name is None:
            raise UnreadableDelivery("no_invoice", root=tag)
        rows.unfit(since, "ubl_no_invoice", document=name, root=tag)
    for number, invoice in enumerate(invoices, start=1):
        since = rows.count
        place = f"{name}#{number}" if len(invoices) > 1 else name
        try:
            _add_invoice(rows, invoice, place)
        except _Unfit as unfit:
            rows.unfit(since, unfit.rule, document=place or etree.QName(invoice).localname, **unfit.arguments)


def _invoices(root: etree._Element) -> Iterator[etree._Element]:
    if root.tag in (INVOICE, CREDIT_NOTE):
        yield root
    else:
        yield from root.iter(INVOICE, CREDIT_NOTE)


def _add_invoice(rows: _Rows, invoice: etree._Element, place: str) -> None:
    """Every line, charge and allowance of one document. Raises _Unfit where they do not add up."""
    is_note = invoice.tag == CREDIT_NOTE
    is_credit = is_note or (_text(invoice, "InvoiceTypeCode") in CREDIT_TYPES)
    sign = Decimal(-1) if is_credit else Decimal(1)
    shared = _shared(invoice)
    within = f"{place}/{etree.QName(invoice).localname}"
    tag = "CreditNoteLine" if is_note else "InvoiceLine"
    total = Decimal(0)
    parts: list[tuple[str, Decimal, dict[str, str | None]]] = []
    for number, line in enumerate(invoice.iterfind(f"{AGGREGATE}{tag}"), start=1):
        amount = _amount(line, "LineExtensionAmount")
        parts.append((f"{within}/{tag}[{number}]", amount, _line(line)))
    for number, charge in enumerate(invoice.iterfind(f"{AGGREGATE}AllowanceCharge"), start=1):
        amount = _amount(charge, "Amount")
        is_charge = _text(charge, "ChargeIndicator") in ("true", "1")
        reason = _text(charge, "AllowanceChargeReason")
        parts.append(
            (
                f"{within}/AllowanceCharge[{number}]",
                amount if is_charge else -amount,
                {"text": _short(reason)},
            )
        )
    for number, (where, amount, own) in enumerate(parts, start=1):
        total += amount
        rows.add(
            shared | own | {"line_no": str(number), "amount_net": format(sign * amount, "f")},
            where,
        )
    stated = invoice.find(f"{AGGREGATE}LegalMonetaryTotal")
    if stated is None or not parts:
        raise _Unfit("ubl_incomplete")
    without_tax = _amount(stated, "TaxExclusiveAmount")
    if total != without_tax:
        raise _Unfit("ubl_sum", total=total, stated=without_tax, difference=total - without_tax)


def _shared(invoice: etree._Element) -> dict[str, str | None]:
    """What every row of a document has in common."""
    supplier = invoice.find(f"{AGGREGATE}AccountingSupplierParty/{AGGREGATE}Party")
    buyer = invoice.find(f"{AGGREGATE}AccountingCustomerParty/{AGGREGATE}Party")
    supplier_id = _company(supplier)
    buyer_id = _company(buyer)
    number = _text(invoice, "ID")
    issued = _text(invoice, "IssueDate")
    return {
        "buyer_orgnr": buyer_id,
        "buyer_unit_id": None if buyer_id else _path(buyer, "PartyIdentification", "ID"),
        # Two suppliers may give their invoices one number; the ledger's vouchers are numbered by the buyer.
        "invoice_id": f"{supplier_id or _name(supplier) or '?'}/{number}" if number else None,
        "supplier_id": supplier_id,
        "supplier_name": _short(_name(supplier)),
        "supplier_bankgiro": _bankgiro(invoice),
        "invoice_date": issued,
        "booking_date": issued,
        "cost_centre": _short(_text(invoice, "AccountingCost") or _path(invoice, "ProjectReference", "ID")),
        "contract_id": _path(invoice, "ContractDocumentReference", "ID"),
        "order_id": _path(invoice, "OrderReference", "ID"),
        "supplier_invoice_number": number,
        "currency": _text(invoice, "DocumentCurrencyCode"),
    }


def _line(line: etree._Element) -> dict[str, str | None]:
    """What a line says for itself; what it leaves out, the document may say."""
    codes = [
        f"{LISTS.get(kind, kind)} {code}"
        for found in line.iterfind(
            f"{AGGREGATE}Item/{AGGREGATE}CommodityClassification/{BASIC}ItemClassificationCode"
        )
        if (kind := (found.get("listID") or "").strip().upper()) and (code := _stripped(found))
    ]
    own = {
        "text": _short(_path(line, "Item", "Name")),
        "category_code": ";".join(codes) or None,
        "cost_centre": _short(_text(line, "AccountingCost")),
        "order_id": _path(line, "OrderLineReference/OrderReference", "ID"),
    }
    return {name: value for name, value in own.items() if value}


# -- parties and values ---------------------------------------------------------------------------------


def _company(party: etree._Element | None) -> str | None:
    """A party's organisation number: legal entity, endpoint or VAT number; a foreign one with its country."""
    if party is None:
        return None
    legal = party.find(f"{AGGREGATE}PartyLegalEntity/{BASIC}CompanyID")
    endpoint = party.find(f"{BASIC}EndpointID")
    country = _path(party, "PostalAddress/Country", "IdentificationCode") or ""
    for found in (legal, endpoint):
        if found is not None and found.get("schemeID") == SWEDISH and _stripped(found):
            return _stripped(found)
    legal_id = _stripped(legal) if legal is not None else None
    if legal_id and country in ("", "SE") and legal is not None and legal.get("schemeID") is None:
        return legal_id
    vat = _vat(party)
    if vat:
        return vat
    return f"{country}{legal_id}" if legal_id and not legal_id[:2].isalpha() else legal_id


def _vat(party: etree._Element) -> str | None:
    """The number under the tax scheme VAT; a party may have others, such as a note that it pays its tax."""
    for scheme in party.iterfind(f"{AGGREGATE}PartyTaxScheme"):
        number = _text(scheme, "CompanyID")
        if number and (_path(scheme, "TaxScheme", "ID") or "VAT").upper() == "VAT":
            return "".join(sign for sign in number if sign.isalnum())
    return None


def _name(party: etree._Element | None) -> str | None:
    return _path(party, "PartyName", "Name") or _path(party, "PartyLegalEntity", "RegistrationName")


def _bankgiro(invoice: etree._Element) -> str | None:
    """The account of a payment by bankgiro, as Swedish invoices write it."""
    for means in invoice.iterfind(f"{AGGREGATE}PaymentMeans"):
        branch = _path(means, "PayeeFinancialAccount/FinancialInstitutionBranch", "ID")
        if branch in ("SE:BANKGIRO", "BGABSESS"):
            return _path(means, "PayeeFinancialAccount", "ID")
    return None


def _amount(element: etree._Element, tag: str) -> Decimal:
    text = _text(element, tag)
    try:
        amount = Decimal(text or "")
    except InvalidOperation:
        raise _Unfit("ubl_amount", element=tag, value=mask(text or "")[:100]) from None
    if not amount.is_finite() or abs(amount) >= Decimal(10) ** 15 or is_person_as_amount(text or ""):
        raise _Unfit("ubl_amount", element=tag, value=mask(text or "")[:100])
    return amount


def _text(element: etree._Element, tag: str) -> str | None:
    found = element.find(f"{BASIC}{tag}")
    return None if found is None else _stripped(found)


def _path(element: etree._Element | None, path: str, tag: str) -> str | None:
    if element is None:
        return None
    found = element.find("/".join(f"{AGGREGATE}{step}" for step in path.split("/")) + f"/{BASIC}{tag}")
    return None if found is None else _stripped(found)


def _stripped(element: Any) -> str | None:
    return " ".join((element.text or "").split()) or None


def _short(text: str | None) -> str | None:
    return text[:TEXT_CHARACTERS] if text else None
