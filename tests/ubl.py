"""E-invoices for tests, written by us: the elements of EN 16931 that we read, and a few that we do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

COMMON = (
    'xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2" '
    'xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"'
)


def party(number: str, name: str, scheme: str = "0007") -> str:
    return (
        f"<cac:Party><cbc:EndpointID schemeID={quoteattr(scheme)}>{escape(number)}</cbc:EndpointID>"
        f"<cac:PartyName><cbc:Name>{escape(name)}</cbc:Name></cac:PartyName>"
        "<cac:PostalAddress><cac:Country><cbc:IdentificationCode>SE</cbc:IdentificationCode></cac:Country>"
        "</cac:PostalAddress>"
        f"<cac:PartyLegalEntity>"
        f"<cbc:RegistrationName>{escape(name)}</cbc:RegistrationName>"
        f"<cbc:CompanyID schemeID={quoteattr(scheme)}>{escape(number)}</cbc:CompanyID>"
        "</cac:PartyLegalEntity></cac:Party>"
    )


def invoice(
    number: str,
    lines: Sequence[tuple[str, str, Mapping[str, str]]],
    *,
    charges: Sequence[tuple[bool, str]] = (),
    total: str,
    issued: str = "2021-03-01",
    buyer: str = "2120000142",
    supplier: str = "5560004615",
    supplier_name: str = "Kaffe AB",
    currency: str = "SEK",
    contract: str = "",
    order: str = "",
    credit: bool = False,
    kind: str = "",
) -> str:
    """One document; a line is (amount, text, classifications by list)."""
    root = "CreditNote" if credit else "Invoice"
    code = f"<cbc:{root}TypeCode>{kind or ('381' if credit else '380')}</cbc:{root}TypeCode>"
    body = "".join(
        f"<cac:{root}Line><cbc:ID>{n}</cbc:ID><cbc:LineExtensionAmount currencyID={quoteattr(currency)}>{amount}"
        f"</cbc:LineExtensionAmount><cac:Item><cbc:Name>{escape(text)}</cbc:Name>"
        + "".join(
            "<cac:CommodityClassification>"
            f"<cbc:ItemClassificationCode listID={quoteattr(kind)}>{escape(code)}</cbc:ItemClassificationCode>"
            "</cac:CommodityClassification>"
            for kind, code in codes.items()
        )
        + f"</cac:Item></cac:{root}Line>"
        for n, (amount, text, codes) in enumerate(lines, start=1)
    )
    header = "".join(
        f"<cac:AllowanceCharge><cbc:ChargeIndicator>{str(is_charge).lower()}</cbc:ChargeIndicator>"
        f"<cbc:AllowanceChargeReason>Frakt</cbc:AllowanceChargeReason><cbc:Amount>{amount}</cbc:Amount>"
        "</cac:AllowanceCharge>"
        for is_charge, amount in charges
    )
    references = (
        f"<cac:OrderReference><cbc:ID>{escape(order)}</cbc:ID></cac:OrderReference>" if order else ""
    ) + (
        f"<cac:ContractDocumentReference><cbc:ID>{escape(contract)}</cbc:ID></cac:ContractDocumentReference>"
        if contract
        else ""
    )
    return (
        f'<{root} xmlns="urn:oasis:names:specification:ubl:schema:xsd:{root}-2" {COMMON}>'
        f"<cbc:ID>{escape(number)}</cbc:ID><cbc:IssueDate>{issued}</cbc:IssueDate>{code}"
        f"<cbc:DocumentCurrencyCode>{currency}</cbc:DocumentCurrencyCode>{references}"
        f"<cac:AccountingSupplierParty>{party(supplier, supplier_name)}</cac:AccountingSupplierParty>"
        f"<cac:AccountingCustomerParty>{party(buyer, 'Enheten')}</cac:AccountingCustomerParty>"
        f"{header}<cac:LegalMonetaryTotal><cbc:TaxExclusiveAmount>{total}</cbc:TaxExclusiveAmount>"
        f"</cac:LegalMonetaryTotal>{body}</{root}>"
    )
