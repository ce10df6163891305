"""Public procurement notices made for tests: one made-up procurement, written in eForms and in TED."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from xml.sax.saxutils import escape

UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
NAMESPACES = (
    f'xmlns:cac="{UBL}CommonAggregateComponents-2" xmlns:cbc="{UBL}CommonBasicComponents-2" '
    f'xmlns:ext="{UBL}CommonExtensionComponents-2" '
    'xmlns:efac="http://data.europa.eu/p27/eforms-ubl-extension-aggregate-components/1" '
    'xmlns:efbc="http://data.europa.eu/p27/eforms-ubl-extension-basic-components/1" '
    'xmlns:efext="http://data.europa.eu/p27/eforms-ubl-extensions/1"'
)
NORDBY = ("212000-0142", "Nordby kommun")
SODERBY = ("212000-1355", "Söderby kommun")
ROASTER = ("556012-5790", "Rosteriet AB")
BREWER = ("556016-0680", "Bryggeriet AB")


@dataclass(frozen=True)
class Lot:
    """One lot and what came of it; a `winner` is a list of suppliers that bid together."""

    title: str = "Kaffe"
    tenders: int | None = 3
    winners: Sequence[Sequence[tuple[str, str]]] = ((ROASTER,),)
    value: str | None = "250000.00"
    currency: str = "SEK"
    concluded: str | None = "2021-05-03"
    reason: str | None = None  # why nobody won; then `winners` is empty
    framework: bool = False
    ceiling: str | None = None
    codes: Sequence[tuple[str, str]] = ()
    statistics: Sequence[tuple[str, int]] = ()
    reviews: int | None = None
    reserved: str | None = None


@dataclass(frozen=True)
class Notice:
    """One notice, in the words of neither schema."""

    kind: str = "result"  # or competition
    number: str = "100001-2021"
    published: str = "2021-06-01"
    notice_id: str = "00000000-0000-4000-8000-000000000001"
    version: str = "01"
    folder: str = "00000000-0000-4000-8000-0000000000ff"
    reference: str | None = "UH-2021-14"
    title: str = "Kaffe till alla"
    procedure: str = "open"
    nature: str = "supplies"
    buyers: Sequence[tuple[str, str]] = (NORDBY,)
    central: bool = False
    deadline: str | None = None
    estimate: str | None = None
    changes: str | None = None
    change_reason: str = "update-add"
    refers_to: str | None = None
    subtype: str | None = None
    lots: Sequence[Lot] = field(default=(Lot(),))


def numbered(number: int, notice: Notice) -> Notice:
    """The notice as one of a procurement of its own: `UH-<number>`; call and result of one number belong together."""
    own = 1000 * number + {"competition": 0, "result": 1}[notice.kind]
    return replace(
        notice,
        reference=f"UH-{number}",
        number=f"{100_000 + own}-2021",
        notice_id=f"00000000-0000-4000-8000-{own:012d}",
        folder=f"00000000-0000-4000-9000-{number:012d}",
    )


def lot_id(notice: Notice, number: int) -> str:
    """The id of a lot, counted from 1, as both schemas have it here."""
    return "LOT-0000" if len(notice.lots) == 1 else f"LOT-{number:04d}"


# -- eForms -----------------------------------------------------------------------------------------------


def eforms(notice: Notice) -> str:
    """The notice as an eForms document."""
    suppliers = list(dict.fromkeys(one for lot in notice.lots for group in lot.winners for one in group))
    organisations = [*notice.buyers, *suppliers]
    ids = {one: f"ORG-{number:04d}" for number, one in enumerate(organisations, start=1)}
    is_result = notice.kind == "result"
    root = "ContractAwardNotice" if is_result else "ContractNotice"
    subtype = notice.subtype or ("29" if is_result else "16")
    form, name = ("result", "can-standard") if is_result else ("competition", "cn-standard")
    changes = (
        f"<efac:Changes><efbc:ChangedNoticeIdentifier>{notice.changes}</efbc:ChangedNoticeIdentifier>"
        f"<efac:ChangeReason><cbc:ReasonCode>{notice.change_reason}</cbc:ReasonCode></efac:ChangeReason>"
        "</efac:Changes>"
        if notice.changes
        else ""
    )
    refers = (
        f"<cac:NoticeDocumentReference><cbc:ID>{notice.refers_to}</cbc:ID></cac:NoticeDocumentReference>"
        if notice.refers_to
        else ""
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{UBL}{root}-2" {NAMESPACES}>'
        "<ext:UBLExtensions><ext:UBLExtension><ext:ExtensionContent><efext:EformsExtension>"
        f"{_results(notice, ids) if is_result else ''}{changes}"
        f"<efac:NoticeSubType><cbc:SubTypeCode>{subtype}</cbc:SubTypeCode></efac:NoticeSubType>"
        f"<efac:Organizations>{''.join(_organisation(notice, one, ids[one]) for one in organisations)}"
        "</efac:Organizations><efac:Publication>"
        f"<efbc:NoticePublicationID>{notice.number}</efbc:NoticePublicationID>"
        f"<efbc:PublicationDate>{notice.published}+01:00</efbc:PublicationDate></efac:Publication>"
        "</efext:EformsExtension></ext:ExtensionContent></ext:UBLExtension></ext:UBLExtensions>"
        f'<cbc:ID schemeName="notice-id">{notice.notice_id}</cbc:ID>'
        f"<cbc:ContractFolderID>{notice.folder}</cbc:ContractFolderID>"
        f"<cbc:IssueDate>{notice.published}+01:00</cbc:IssueDate><cbc:VersionID>{notice.version}</cbc:VersionID>"
        f'<cbc:NoticeTypeCode listName="{form}">{name}</cbc:NoticeTypeCode>'
        + "".join(
            f"<cac:ContractingParty><cac:Party><cac:PartyIdentification><cbc:ID>{ids[one]}</cbc:ID>"
            "</cac:PartyIdentification></cac:Party></cac:ContractingParty>"
            for one in notice.buyers
        )
        + f"<cac:TenderingProcess><cbc:ProcedureCode>{notice.procedure}</cbc:ProcedureCode>{refers}"
        + "</cac:TenderingProcess>"
        + _project(notice.title, notice.reference, notice.nature, notice.estimate)
        + "".join(_lot(notice, number, lot) for number, lot in enumerate(notice.lots, start=1))
        + f"</{root}>"
    )


def _organisation(notice: Notice, one: tuple[str, str], own: str) -> str:
    central = "<efbc:AwardingCPBIndicator>true</efbc:AwardingCPBIndicator>" if notice.central else ""
    return (
        f"<efac:Organization>{central if one in notice.buyers else ''}<efac:Company><cac:PartyIdentification>"
        f"<cbc:ID>{own}</cbc:ID></cac:PartyIdentification>"
        f"<cac:PartyName><cbc:Name>{escape(one[1])}</cbc:Name></cac:PartyName>"
        "<cac:PostalAddress><cac:Country><cbc:IdentificationCode>SWE</cbc:IdentificationCode></cac:Country>"
        f"</cac:PostalAddress><cac:PartyLegalEntity><cbc:CompanyID>{one[0]}</cbc:CompanyID>"
        "</cac:PartyLegalEntity></efac:Company></efac:Organization>"
    )


def _project(title: str, reference: str | None, nature: str, estimate: str | None) -> str:
    number = f"<cbc:ID>{reference}</cbc:ID>" if reference else ""
    total = (
        '<cac:RequestedTenderTotal><cbc:EstimatedOverallContractAmount currencyID="SEK">'
        f"{estimate}</cbc:EstimatedOverallContractAmount></cac:RequestedTenderTotal>"
        if estimate
        else ""
    )
    return (
        f"<cac:ProcurementProject>{number}<cbc:Name>{escape(title)}</cbc:Name>"
        f"<cbc:ProcurementTypeCode>{nature}</cbc:ProcurementTypeCode>{total}<cac:MainCommodityClassification>"
        "<cbc:ItemClassificationCode>15860000</cbc:ItemClassificationCode></cac:MainCommodityClassification>"
        "</cac:ProcurementProject>"
    )


def _lot(notice: Notice, number: int, lot: Lot) -> str:
    codes = "".join(
        f'<cac:ProcurementAdditionalType><cbc:ProcurementTypeCode listName="{listed}">{code}'
        "</cbc:ProcurementTypeCode></cac:ProcurementAdditionalType>"
        for listed, code in lot.codes
    )
    reserved = (
        "<cac:TenderingTerms><cac:TendererQualificationRequest><cac:SpecificTendererRequirement>"
        f'<cbc:TendererRequirementTypeCode listName="reserved-procurement">{lot.reserved}'
        "</cbc:TendererRequirementTypeCode></cac:SpecificTendererRequirement></cac:TendererQualificationRequest>"
        "</cac:TenderingTerms>"
        if lot.reserved
        else ""
    )
    deadline = (
        "<cac:TenderSubmissionDeadlinePeriod><cbc:EndDate>"
        f"{notice.deadline}+02:00</cbc:EndDate></cac:TenderSubmissionDeadlinePeriod>"
        if notice.deadline
        else ""
    )
    framework = "fa-wo-rc" if lot.framework else "none"
    return (
        f'<cac:ProcurementProjectLot><cbc:ID schemeName="Lot">{lot_id(notice, number)}</cbc:ID>{reserved}'
        f"<cac:TenderingProcess>{deadline}<cac:ContractingSystem>"
        f'<cbc:ContractingSystemTypeCode listName="framework-agreement">{framework}</cbc:ContractingSystemTypeCode>'
        f"</cac:ContractingSystem></cac:TenderingProcess><cac:ProcurementProject><cbc:Name>{escape(lot.title)}"
        f"</cbc:Name>{codes}<cac:MainCommodityClassification><cbc:ItemClassificationCode>15860000"
        "</cbc:ItemClassificationCode></cac:MainCommodityClassification></cac:ProcurementProject>"
        "</cac:ProcurementProjectLot>"
    )


def _results(notice: Notice, ids: dict[tuple[str, str], str]) -> str:
    results, tenders, contracts, parties = "", "", "", ""
    count = 0
    for number, lot in enumerate(notice.lots, start=1):
        own = lot_id(notice, number)
        settled = ""
        for group in lot.winners:
            count += 1
            value = (
                f'<cac:LegalMonetaryTotal><cbc:PayableAmount currencyID="{lot.currency}">{lot.value}'
                "</cbc:PayableAmount></cac:LegalMonetaryTotal>"
                if lot.value
                else ""
            )
            settled += f"<efac:SettledContract><cbc:ID>CON-{count:04d}</cbc:ID></efac:SettledContract>"
            tenders += (
                f"<efac:LotTender><cbc:ID>TEN-{count:04d}</cbc:ID>{value}<efac:TenderingParty>"
                f"<cbc:ID>TPA-{count:04d}</cbc:ID></efac:TenderingParty><efac:TenderLot><cbc:ID>{own}</cbc:ID>"
                "</efac:TenderLot></efac:LotTender>"
            )
            concluded = f"<cbc:IssueDate>{lot.concluded}+01:00</cbc:IssueDate>" if lot.concluded else ""
            contracts += (
                f"<efac:SettledContract><cbc:ID>CON-{count:04d}</cbc:ID>{concluded}"
                f"<efac:ContractReference><cbc:ID>AVT-{count}</cbc:ID></efac:ContractReference>"
                f"<efac:LotTender><cbc:ID>TEN-{count:04d}</cbc:ID></efac:LotTender></efac:SettledContract>"
            )
            parties += (
                f"<efac:TenderingParty><cbc:ID>TPA-{count:04d}</cbc:ID>"
                + "".join(f"<efac:Tenderer><cbc:ID>{ids[one]}</cbc:ID></efac:Tenderer>" for one in group)
                + "</efac:TenderingParty>"
            )
        statistics = [*lot.statistics, *([("tenders", lot.tenders)] if lot.tenders is not None else [])]
        received = "".join(
            f"<efac:ReceivedSubmissionsStatistics><efbc:StatisticsCode>{code}</efbc:StatisticsCode>"
            f"<efbc:StatisticsNumeric>{value}</efbc:StatisticsNumeric></efac:ReceivedSubmissionsStatistics>"
            for code, value in statistics
        )
        appeals = (
            '<efac:AppealRequestsStatistics><efbc:StatisticsCode listName="review-type">complainants'
            f"</efbc:StatisticsCode><efbc:StatisticsNumeric>{lot.reviews}</efbc:StatisticsNumeric>"
            "</efac:AppealRequestsStatistics>"
            if lot.reviews is not None
            else ""
        )
        reason = (
            f"<efac:DecisionReason><efbc:DecisionReasonCode>{lot.reason}</efbc:DecisionReasonCode></efac:DecisionReason>"
            if lot.reason
            else ""
        )
        ceiling = (
            f'<efac:FrameworkAgreementValues><cbc:MaximumValueAmount currencyID="{lot.currency}">{lot.ceiling}'
            "</cbc:MaximumValueAmount></efac:FrameworkAgreementValues>"
            if lot.ceiling
            else ""
        )
        status = "clos-nw" if lot.reason else "selec-w"
        results += (
            f"<efac:LotResult><cbc:ID>RES-{number:04d}</cbc:ID><cbc:TenderResultCode>{status}</cbc:TenderResultCode>"
            f"{appeals}{reason}{ceiling}{received}{settled}<efac:TenderLot><cbc:ID>{own}</cbc:ID></efac:TenderLot>"
            "</efac:LotResult>"
        )
    return f"<efac:NoticeResult>{results}{tenders}{contracts}{parties}</efac:NoticeResult>"


# -- TED --------------------------------------------------------------------------------------------------

_PROCEDURES = {"open": "PT_OPEN", "restricted": "PT_RESTRICTED", "neg-w-call": "PT_COMPETITIVE_NEGOTIATION"}
_REASONS = {"other": "PROCUREMENT_DISCONTINUED", "all-rej": "PROCUREMENT_UNSUCCESSFUL"}


def ted(notice: Notice) -> str:
    """The notice as a TED export; what the old forms have no element for is left out."""
    is_result = notice.kind == "result"
    form = "F03" if is_result else "F02"
    number, year = notice.number.split("-")
    reference = f"<REFERENCE_NUMBER>{notice.reference}</REFERENCE_NUMBER>" if notice.reference else ""
    estimate = (
        f'<VAL_ESTIMATED_TOTAL CURRENCY="SEK">{notice.estimate}</VAL_ESTIMATED_TOTAL>'
        if notice.estimate
        else ""
    )
    deadline = f"<DATE_RECEIPT_TENDERS>{notice.deadline}</DATE_RECEIPT_TENDERS>" if notice.deadline else ""
    framework = "<FRAMEWORK/>" if any(lot.framework for lot in notice.lots) else ""
    refers = f"<NOTICE_NUMBER_OJ>{notice.refers_to}</NOTICE_NUMBER_OJ>" if notice.refers_to else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<TED_EXPORT xmlns="http://publications.europa.eu/resource/schema/ted/R2.0.9/publication" '
        f'DOC_ID="{notice.number}"><CODED_DATA_SECTION><REF_OJS>'
        f"<DATE_PUB>{notice.published.replace('-', '')}</DATE_PUB></REF_OJS><NOTICE_DATA>"
        f"<NO_DOC_OJS>{year}/S 100-{number}</NO_DOC_OJS></NOTICE_DATA></CODED_DATA_SECTION>"
        f'<FORM_SECTION><{form}_2014 CATEGORY="ORIGINAL" FORM="{form}" LG="SV"><CONTRACTING_BODY>'
        + "".join(
            f"<ADDRESS_CONTRACTING_BODY{'' if place == 0 else '_ADDITIONAL'}>{_address(one)}"
            f"</ADDRESS_CONTRACTING_BODY{'' if place == 0 else '_ADDITIONAL'}>"
            for place, one in enumerate(notice.buyers)
        )
        + ("<CENTRAL_PURCHASING/>" if notice.central else "")
        + f"</CONTRACTING_BODY><OBJECT_CONTRACT><TITLE><P>{escape(notice.title)}</P></TITLE>{reference}"
        '<CPV_MAIN><CPV_CODE CODE="15860000"/></CPV_MAIN>'
        f'<TYPE_CONTRACT CTYPE="{notice.nature.upper()}"/>{estimate}'
        + "".join(
            f'<OBJECT_DESCR ITEM="{place}"><TITLE><P>{escape(lot.title)}</P></TITLE>'
            + (f"<LOT_NO>{place}</LOT_NO>" if len(notice.lots) > 1 else "")
            + '<CPV_ADDITIONAL><CPV_CODE CODE="15860000"/></CPV_ADDITIONAL></OBJECT_DESCR>'
            for place, lot in enumerate(notice.lots, start=1)
        )
        + f"</OBJECT_CONTRACT><PROCEDURE><{_PROCEDURES[notice.procedure]}/>{framework}{refers}{deadline}</PROCEDURE>"
        + ("".join(_awards(notice)) if is_result else "")
        + f"<COMPLEMENTARY_INFO><DATE_DISPATCH_NOTICE>{notice.published}</DATE_DISPATCH_NOTICE></COMPLEMENTARY_INFO>"
        f"</{form}_2014></FORM_SECTION></TED_EXPORT>"
    )


def _awards(notice: Notice) -> list[str]:
    found, count = [], 0
    for place, lot in enumerate(notice.lots, start=1):
        number = f"<LOT_NO>{place}</LOT_NO>" if len(notice.lots) > 1 else ""
        if lot.reason:
            reason = f"<NO_AWARDED_CONTRACT><{_REASONS[lot.reason]}/></NO_AWARDED_CONTRACT>"
            found.append(f"<AWARD_CONTRACT>{number}{reason}</AWARD_CONTRACT>")
        for group in lot.winners:
            count += 1
            tenders = (
                f"<NB_TENDERS_RECEIVED>{lot.tenders}</NB_TENDERS_RECEIVED>" if lot.tenders is not None else ""
            )
            concluded = (
                f"<DATE_CONCLUSION_CONTRACT>{lot.concluded}</DATE_CONCLUSION_CONTRACT>"
                if lot.concluded
                else ""
            )
            value = f'<VAL_TOTAL CURRENCY="{lot.currency}">{lot.value}</VAL_TOTAL>' if lot.value else ""
            together = "<AWARDED_TO_GROUP/>" if len(group) > 1 else "<NO_AWARDED_TO_GROUP/>"
            found.append(
                f"<AWARD_CONTRACT><CONTRACT_NO>AVT-{count}</CONTRACT_NO>{number}<AWARDED_CONTRACT>{concluded}"
                f"<TENDERS>{tenders}</TENDERS><CONTRACTORS>{together}"
                + "".join(
                    f"<CONTRACTOR><ADDRESS_CONTRACTOR>{_address(one)}</ADDRESS_CONTRACTOR></CONTRACTOR>"
                    for one in group
                )
                + f"</CONTRACTORS><VALUES>{value}</VALUES></AWARDED_CONTRACT></AWARD_CONTRACT>"
            )
    return found


def _address(one: tuple[str, str]) -> str:
    return (
        f'<OFFICIALNAME>{escape(one[1])}</OFFICIALNAME><NATIONALID>{one[0]}</NATIONALID><COUNTRY VALUE="SE"/>'
    )


def zipped(documents: dict[str, bytes]) -> bytes:
    """A zip of documents."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in documents.items():
            packed.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()
