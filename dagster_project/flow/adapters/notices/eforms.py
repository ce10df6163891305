"""eForms: one UBL document becomes a `Notice`.

A winner is an organisation reached through lot result → settled contract → tender of that lot → tendering party;
who is merely listed has won nothing. What does not belong here: what values mean (facts), several notices (relations).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TypeAlias

from lxml import etree

from dagster_project.flow.adapters.notices import facts
from dagster_project.flow.adapters.notices.facts import Award, Lot, Notice, Party, Problem, Tender

_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
_EFORMS = "http://data.europa.eu/p27/eforms-ubl-extension"
NS = {
    "cac": f"{_UBL}CommonAggregateComponents-2",
    "cbc": f"{_UBL}CommonBasicComponents-2",
    "ext": f"{_UBL}CommonExtensionComponents-2",
    "efac": f"{_EFORMS}-aggregate-components/1",
    "efbc": f"{_EFORMS}-basic-components/1",
    "efext": f"{_EFORMS}s/1",
}
ROOTS = frozenset(
    f"{{{_UBL}{name}-2}}{name}"
    for name in ("ContractNotice", "ContractAwardNotice", "PriorInformationNotice")
) | {
    "{http://data.europa.eu/p27/eforms-business-registration-information-notice/1}BusinessRegistrationInformationNotice"
}
_KINDS: dict[str, facts.Kind] = {"competition": "competition", "result": "result", "dir-awa-pre": "award_pre"}
_WITHOUT_PROCUREMENT = frozenset({"bri"})
_EXTENSION = "ext:UBLExtensions/ext:UBLExtension/ext:ExtensionContent/efext:EformsExtension"
_ORGANISATION = "efac:Organizations/efac:Organization"
# A contract notice under the general rules of directive 2014/24 may have these procedures only.
_GENERAL = frozenset({"open", "restricted", "neg-w-call", "comp-dial", "innovation"})
_DECISIONS = {"accepted": "bifall", "other": "okänt"}

Element: TypeAlias = etree._Element


def read(root: Element, key: bytes) -> Notice:
    """One eForms notice; what is wrong with it stands in its `problems`."""
    extension = root.find(_EXTENSION, NS)
    notice = Notice("eforms")
    _identify(notice, root, extension)
    form_type = _form_type(root)
    if form_type in _WITHOUT_PROCUREMENT:
        return notice
    organisations = _organisations(notice, extension, key)
    _buyers(notice, root, organisations, key)
    _procurement(notice, root)
    _lots(notice, root)
    if notice.kind in ("competition", "result") and not notice.folder_id:
        notice.miss("cbc:ContractFolderID", "folder_id")
    results = None if extension is None else extension.find("efac:NoticeResult", NS)
    if results is not None and notice.kind in ("result", "award_pre"):
        _Results(notice, results, organisations, key).read()
    elif notice.kind == "result" and (notice.subtype or "").isdigit():
        notice.miss("efac:NoticeResult", "results")
    _reviews(notice, extension)
    return notice


# -- the notice itself ------------------------------------------------------------------------------------


def _form_type(root: Element) -> str:
    element = root.find("cbc:NoticeTypeCode", NS)
    return "" if element is None else element.get("listName", "")


def _identify(notice: Notice, root: Element, extension: Element | None) -> None:
    notice.kind = _KINDS.get(_form_type(root), "other")
    if not _text(root, "cbc:NoticeTypeCode"):
        notice.miss("cbc:NoticeTypeCode", "notice_type")
    notice.notice_id = facts.code(
        next((e.text for e in root.findall("cbc:ID", NS) if e.get("schemeName") == "notice-id"), None)
    )
    if not notice.notice_id:
        notice.miss("cbc:ID[@schemeName='notice-id']", "notice_id")
    notice.version = facts.version(_text(root, "cbc:VersionID"))
    if not notice.version:
        notice.miss("cbc:VersionID", "version")
    notice.dispatch_date = facts.day(notice, _text(root, "cbc:IssueDate"), "cbc:IssueDate", "dispatch_date")
    if notice.dispatch_date is None:
        notice.miss("cbc:IssueDate", "dispatch_date")
    notice.folder_id = facts.code(_text(root, "cbc:ContractFolderID"))
    if extension is None:
        notice.miss(_EXTENSION, "subtype")
        return
    notice.subtype = facts.code(_text(extension, "efac:NoticeSubType/cbc:SubTypeCode"))
    if not notice.subtype:
        notice.miss("efac:NoticeSubType/cbc:SubTypeCode", "subtype")
    notice.publication_number = facts.publication_number(
        _text(extension, "efac:Publication/efbc:NoticePublicationID")
    )
    path = "efac:Publication/efbc:PublicationDate"
    notice.published_date = facts.day(notice, _text(extension, path), path, "published_date")
    changed = facts.code(_text(extension, "efac:Changes/efbc:ChangedNoticeIdentifier"))
    if changed is not None:
        notice.supersedes = _changed(changed)
        codes = extension.findall("efac:Changes//efac:ChangeReason/cbc:ReasonCode", NS)
        notice.is_cancellation = any(_bare(element) == "cancel" for element in codes)
    if notice.subtype:
        notice.above_threshold = not notice.subtype.upper().startswith("E")


def _changed(identifier: str) -> str:
    """`<notice id>-<version>` or a publication number, as the notice that it names is known here."""
    number = facts.publication_number(identifier)
    if number is not None:
        return number
    notice_id, _, version = identifier.rpartition("-")
    return f"{notice_id}-{facts.version(version)}" if version.isdigit() and len(version) <= 3 else identifier


def _procurement(notice: Notice, root: Element) -> None:
    process = "cac:TenderingProcess"
    notice.refers_to = [
        number
        for element in root.findall(f"{process}/cac:NoticeDocumentReference/cbc:ID", NS)
        if (number := facts.publication_number(element.text) or facts.code(element.text)) is not None
    ]
    project = root.find("cac:ProcurementProject", NS)
    needs_project = notice.kind != "other"
    if project is None:
        if needs_project:
            notice.miss("cac:ProcurementProject", "title")
        project = etree.Element("nothing")
    notice.reference = facts.reference(_text(project, "cbc:ID"))
    notice.title = facts.text(_worded(project, "cbc:Name"))
    if notice.title is None and needs_project:
        notice.miss("cac:ProcurementProject/cbc:Name", "title")
    classified = project.find("cac:MainCommodityClassification/cbc:ItemClassificationCode", NS)
    notice.category_code = facts.cpv(_bare(classified))
    if notice.category_code is None and (needs_project or classified is not None):
        notice.miss(
            "cac:ProcurementProject/cac:MainCommodityClassification/cbc:ItemClassificationCode", "cpv"
        )
    nature = _text(project, "cbc:ProcurementTypeCode")
    notice.works = nature == "works" if nature else None
    path = "cac:ProcurementProject/cac:RequestedTenderTotal/cbc:EstimatedOverallContractAmount"
    value = root.find(path, NS)
    if value is not None:
        notice.estimated_value = facts.amount(notice, value.text, path, "estimated_value")
        notice.estimated_currency = value.get("currencyID") if notice.estimated_value else None
    path = f"{process}/cbc:ProcedureCode"
    stated = root.find(path, NS)
    if stated is not None:
        procedure = _bare(stated)
        if procedure not in facts.PROCEDURES:
            _unknown(notice, path, "procedure", procedure)
        elif notice.subtype == "16" and procedure not in _GENERAL:
            notice.problems.append(Problem("notice_wrong_procedure", path, "procedure", procedure))
        else:
            notice.procedure = facts.PROCEDURES[procedure]
    elif notice.subtype == "16":
        notice.miss(path, "procedure")
    path = "cac:TenderingTerms/cac:LotDistribution/cbc:MaximumLotsAwardedNumeric"
    if _text(root, path) == "0":
        notice.problems.append(Problem("notice_unreadable_number", path, "lots_awarded", "0"))


# -- who buys ---------------------------------------------------------------------------------------------


def _organisations(notice: Notice, extension: Element | None, key: bytes) -> dict[str, Element]:
    found: dict[str, Element] = {}
    if extension is None:
        return found
    for number, organisation in enumerate(extension.findall(_ORGANISATION, NS), start=1):
        path = f"{_ORGANISATION}[{number}]/efac:Company"
        own = facts.code(_text(organisation, "efac:Company/cac:PartyIdentification/cbc:ID"))
        if own is None:
            notice.miss(f"{path}/cac:PartyIdentification/cbc:ID", "organisation")
        elif facts.text(_worded(organisation, "efac:Company/cac:PartyName/cbc:Name")) is None:
            notice.miss(f"{path}/cac:PartyName/cbc:Name", "organisation_name")
        else:
            found[own] = organisation
    return found


def _party(notice: Notice, organisation: Element, key: bytes) -> Party | None:
    company = organisation.find("efac:Company", NS)
    assert company is not None  # `_organisations` has found its name there
    return facts.party(
        notice,
        key,
        _text(company, "cac:PartyLegalEntity/cbc:CompanyID"),
        _worded(company, "cac:PartyName/cbc:Name"),
        _text(company, "cac:PostalAddress/cac:Country/cbc:IdentificationCode"),
        f"{_ORGANISATION}/efac:Company/cac:PartyLegalEntity/cbc:CompanyID",
        _text(organisation, "efbc:NaturalPersonIndicator") == "true",
    )


def _buyers(notice: Notice, root: Element, organisations: dict[str, Element], key: bytes) -> None:
    path = "cac:ContractingParty/cac:Party/cac:PartyIdentification/cbc:ID"
    leads: list[Party] = []
    others: list[Party] = []
    for element in root.findall(path, NS):
        organisation = organisations.get(_bare(element))
        if organisation is None:
            if _bare(element):
                _unknown(notice, path, "buyer", _bare(element))
            continue
        buyer = _party(notice, organisation, key)
        if buyer is None:
            continue
        (leads if _text(organisation, "efbc:GroupLeadIndicator") == "true" else others).append(buyer)
        for role in ("efbc:AwardingCPBIndicator", "efbc:AcquiringCPBIndicator"):
            if _text(organisation, role) == "true":
                notice.participants_complete = False
    notice.buyers = list({buyer.id: buyer for buyer in [*leads, *others]}.values())
    if not notice.buyers:
        notice.miss(path, "buyer")


# -- what is bought ---------------------------------------------------------------------------------------


def _lots(notice: Notice, root: Element) -> None:
    path = "cac:ProcurementProjectLot"
    deadlines: list[date] = []
    values: list[tuple[str, str | None]] = []
    for number, element in enumerate(root.findall(path, NS), start=1):
        own = element.find("cbc:ID", NS)
        if own is None or not _bare(own):
            notice.miss(f"{path}[{number}]/cbc:ID", "lot_id")
        elif own.get("schemeName") == "Lot":
            _lot(notice, element, _bare(own), f"{path}[{number}]", deadlines, values)
    if not notice.lots and notice.kind in ("competition", "result"):
        notice.miss(path, "lots")
    notice.tender_deadline = max(deadlines, default=None)
    facts.add_up(notice, values)


def _lot(
    notice: Notice,
    element: Element,
    lot_id: str,
    path: str,
    deadlines: list[date],
    values: list[tuple[str, str | None]],
) -> None:
    project = element.find("cac:ProcurementProject", NS)
    if project is None:
        if notice.kind in ("competition", "result"):
            notice.miss(f"{path}/cac:ProcurementProject", "lot_title")
        return
    lot = Lot(lot_id, path, element.sourceline or 0)
    lot.title = facts.text(_worded(project, "cbc:Name"))
    if lot.title is None and notice.kind in ("competition", "result"):
        notice.miss(f"{path}/cac:ProcurementProject/cbc:Name", "lot_title")
    lot.category_code = facts.cpv(
        _text(project, "cac:MainCommodityClassification/cbc:ItemClassificationCode")
    )
    stated = [
        (kind.get("listName", ""), _bare(kind))
        for kind in project.findall("cac:ProcurementAdditionalType/cbc:ProcurementTypeCode", NS)
    ]
    lot.areas = facts.areas(stated)
    if any(listed == "innovative-acquisition" and code in facts.INNOVATIONS for listed, code in stated):
        notice.new_solution = True
    for kind in element.findall(
        "cac:TenderingTerms/cac:TendererQualificationRequest/cac:SpecificTendererRequirement/"
        "cbc:TendererRequirementTypeCode",
        NS,
    ):
        if kind.get("listName") == "reserved-procurement" and _bare(kind) in facts.RESERVED:
            lot.reserved = bool(lot.reserved) or facts.RESERVED[_bare(kind)]
    for kind in element.findall(
        "cac:TenderingProcess/cac:ContractingSystem/cbc:ContractingSystemTypeCode", NS
    ):
        if _bare(kind) in ("", "none"):
            continue
        if kind.get("listName") == "framework-agreement":
            lot.is_framework = True
        elif kind.get("listName") == "dps-usage":
            notice.procedure = "dps_setup"
    total = project.find("cac:RequestedTenderTotal", NS)
    if total is not None:
        where = f"{path}/cac:ProcurementProject/cac:RequestedTenderTotal"
        ceiling = total.find(f"{_EXTENSION}/efbc:FrameworkMaximumAmount", NS)
        lot.ceiling, lot.currency = _money(notice, ceiling, f"{where}/efbc:FrameworkMaximumAmount", "ceiling")
        value, currency = _money(
            notice, total.find("cbc:EstimatedOverallContractAmount", NS), where, "estimated_value"
        )
        if value is not None:
            values.append((value, currency))
    end = "cac:PlannedPeriod/cbc:EndDate"
    until = facts.day(notice, _text(project, end), f"{path}/cac:ProcurementProject/{end}", "valid_to")
    lot.valid_to = None if until is None else until.isoformat()
    end = "cac:TenderingProcess/cac:TenderSubmissionDeadlinePeriod/cbc:EndDate"
    deadline = facts.day(notice, _text(element, end), f"{path}/{end}", "tender_deadline")
    if deadline is not None:
        deadlines.append(deadline)
    notice.lots.append(lot)


# -- what came of it --------------------------------------------------------------------------------------


class _Results:
    """The results of the lots: how many tenders came, and who won by the chain of references."""

    def __init__(
        self, notice: Notice, results: Element, organisations: dict[str, Element], key: bytes
    ) -> None:
        self._notice = notice
        self._results = results
        self._organisations = organisations
        self._key = key
        self._contracts = self._by_id("efac:SettledContract", "contract")
        self._tenders = self._by_id("efac:LotTender", "tender")
        self._parties = self._by_id("efac:TenderingParty", "tendering_party")
        self._suppliers: dict[str, Party | None] = {}

    def read(self) -> None:
        """Fill the notice's lots, awards and tenders."""
        notice, path = self._notice, "efac:NoticeResult/efac:LotResult"
        lots = {lot.lot_id: lot for lot in notice.lots}
        elements = self._results.findall("efac:LotResult", NS)
        if not elements and notice.kind == "result":
            notice.miss(path, "results")
        for number, element in enumerate(elements, start=1):
            where = f"{path}[{number}]"
            lot = lots.get(_text(element, "efac:TenderLot/cbc:ID") or "")
            if lot is None:
                named = _text(element, "efac:TenderLot/cbc:ID") or ""
                _unknown(notice, f"{where}/efac:TenderLot/cbc:ID", "lot_id", named)
            else:
                self._lot_result(element, lot, where)
        if len(lots) == 1:
            path = "efac:NoticeResult/efbc:OverallMaximumFrameworkContractsAmount"
            lot = next(iter(lots.values()))
            whole = self._results.find("efbc:OverallMaximumFrameworkContractsAmount", NS)
            if lot.ceiling is None and whole is not None:
                lot.ceiling, lot.currency = _money(notice, whole, path, "ceiling")
        award = self._results.getroottree().getroot().find("cac:TenderResult/cbc:AwardDate", NS)
        decided = facts.award_day(notice, _bare(award), "cac:TenderResult/cbc:AwardDate")
        notice.award_date = decided

    def _lot_result(self, element: Element, lot: Lot, where: str) -> None:
        notice = self._notice
        status = _text(element, "cbc:TenderResultCode")
        if status in facts.AWARDED:
            lot.awarded = facts.AWARDED[status]
            lot.is_closed = status == "clos-nw"
            lot.is_result = True
        elif status:
            _unknown(notice, f"{where}/cbc:TenderResultCode", "winner_chosen", status)
        elif (notice.subtype or "").isdigit() and notice.kind == "result":
            notice.miss(f"{where}/cbc:TenderResultCode", "winner_chosen")
        lot.reason = facts.code(_text(element, "efac:DecisionReason/efbc:DecisionReasonCode"))
        for statistic in element.findall("efac:ReceivedSubmissionsStatistics", NS):
            path = f"{where}/efac:ReceivedSubmissionsStatistics"
            kind = _text(statistic, "efbc:StatisticsCode")
            if not kind:
                notice.miss(f"{path}/efbc:StatisticsCode", "statistics_code")
            elif kind in ("tenders", "t-sme") and not self._withheld(statistic, "rec-sub-cou"):
                number = facts.count(notice, _text(statistic, "efbc:StatisticsNumeric"), path, "tenders")
                lot.tenders = number if kind == "tenders" else lot.tenders
                lot.sme_tenders = number if kind == "t-sme" else lot.sme_tenders
        for statistic in element.findall("efac:AppealRequestsStatistics", NS):
            number = facts.count(notice, _text(statistic, "efbc:StatisticsNumeric"), where, "reviews")
            if number is not None:
                lot.reviews = max(lot.reviews or 0, number)
        most = "efac:FrameworkAgreementValues/cbc:MaximumValueAmount"
        maximum = element.find(most, NS)
        if maximum is not None and not self._withheld(element, "max-val"):
            value, currency = _money(notice, maximum, f"{where}/{most}", "ceiling")
            if value is not None:
                lot.ceiling, lot.currency = value, currency
        won = self._awards(element, lot, where)
        self._every_tender(element, lot, won)

    def _awards(self, element: Element, lot: Lot, where: str) -> set[str]:
        """The lot's winners; gives the ids of their tenders."""
        notice, won = self._notice, set()
        for reference in element.findall("efac:SettledContract/cbc:ID", NS):
            contract = self._contracts.get(_bare(reference))
            if contract is None:
                _unknown(notice, f"{where}/efac:SettledContract/cbc:ID", "contract", _bare(reference))
                continue
            path = "efac:NoticeResult/efac:SettledContract"
            concluded = facts.day(
                notice, _text(contract, "cbc:IssueDate"), f"{path}/cbc:IssueDate", "concluded"
            )
            decided = facts.award_day(notice, _text(contract, "cbc:AwardDate"), f"{path}/cbc:AwardDate")
            if concluded is not None:
                lot.concluded = max(lot.concluded or "", concluded.isoformat())
            number = facts.text(_text(contract, "efac:ContractReference/cbc:ID"))
            for named in contract.findall("efac:LotTender/cbc:ID", NS):
                tender = self._tenders.get(_bare(named))
                if tender is None:
                    _unknown(notice, f"{path}/efac:LotTender/cbc:ID", "tender", _bare(named))
                    continue
                if (_text(tender, "efac:TenderLot/cbc:ID") or lot.lot_id) != lot.lot_id:
                    continue
                won.add(_bare(named))
                value, currency = self._price(tender)
                for supplier in self._tenderers(tender):
                    notice.awards.append(
                        Award(
                            lot_id=lot.lot_id,
                            contract=number or "",
                            supplier_id=supplier.id,
                            supplier_name=supplier.name,
                            path=f"efac:SettledContract[cbc:ID='{_bare(reference)}']",
                            line=contract.sourceline or 0,
                            concluded=None if concluded is None else concluded.isoformat(),
                            decided=None if decided is None else decided.isoformat(),
                            tender=_bare(named),
                            value=value,
                            currency=currency,
                        )
                    )
        return won

    def _every_tender(self, element: Element, lot: Lot, won: set[str]) -> None:
        """The lot's tenders, where every one that came is listed with who made it."""
        named = [_bare(reference) for reference in element.findall("efac:LotTender/cbc:ID", NS)]
        listed = list(dict.fromkeys([*named, *sorted(won)]))
        if lot.tenders is None or len(listed) != lot.tenders or not listed:
            return
        found: list[Tender] = []
        for name in listed:
            tender = self._tenders.get(name)
            suppliers = [] if tender is None else list(self._tenderers(tender))
            if tender is None or not suppliers:
                return
            price, currency = self._price(tender)
            bidder = "+".join(sorted(supplier.id for supplier in suppliers))
            path = f"efac:LotTender[cbc:ID='{name}']"
            found += [
                Tender(
                    lot.lot_id,
                    bidder,
                    one.id,
                    one.name,
                    price,
                    currency,
                    name in won,
                    path,
                    tender.sourceline or 0,
                )
                for one in suppliers
            ]
        self._notice.tenders += found

    def _price(self, tender: Element) -> tuple[str | None, str | None]:
        if self._withheld(tender, "win-ten-val"):
            return None, None
        path = "cac:LegalMonetaryTotal/cbc:PayableAmount"
        return _money(self._notice, tender.find(path, NS), f"efac:LotTender/{path}", "value")

    def _tenderers(self, tender: Element) -> Iterator[Party]:
        named = _text(tender, "efac:TenderingParty/cbc:ID") or ""
        party = self._parties.get(named)
        if party is None:
            _unknown(self._notice, "efac:LotTender/efac:TenderingParty/cbc:ID", "tendering_party", named)
            return
        for reference in party.findall("efac:Tenderer/cbc:ID", NS):
            name = _bare(reference)
            if name not in self._suppliers:
                organisation = self._organisations.get(name)
                if organisation is None:
                    _unknown(self._notice, "efac:TenderingParty/efac:Tenderer/cbc:ID", "supplier", name)
                self._suppliers[name] = (
                    None if organisation is None else _party(self._notice, organisation, self._key)
                )
            supplier = self._suppliers[name]
            if supplier is not None:
                yield supplier

    def _by_id(self, tag: str, name: str) -> dict[str, Element]:
        found: dict[str, Element] = {}
        for element in self._results.findall(tag, NS):
            own = _text(element, "cbc:ID")
            if not own:
                self._notice.miss(f"efac:NoticeResult/{tag}/cbc:ID", name)
            else:
                found[own] = element
        return found

    def _withheld(self, element: Element, field: str) -> bool:
        """Whether the buyer keeps a value back until a day after the notice's own: what stands there is a stand-in."""
        own = self._notice.published_date or self._notice.dispatch_date
        for private in element.findall("efac:FieldsPrivacy", NS):
            if _text(private, "efbc:FieldIdentifierCode") == field:
                path = "efac:FieldsPrivacy/efbc:PublicationDate"
                until = facts.day(
                    self._notice, _text(private, "efbc:PublicationDate"), path, "published_date"
                )
                return until is None or own is None or until > own
        return False


def _reviews(notice: Notice, extension: Element | None) -> None:
    if any(lot.reviews for lot in notice.lots):
        notice.review_outcome = "okänt"
    if extension is None:
        return
    for appeal in extension.findall("efac:Appeals/efac:AppealInformation", NS):
        decision = _text(appeal, "efac:AppealDecision/efbc:DecisionTypeCode")
        withdrawn = _text(appeal, "efbc:WithdrawnAppealIndicator") == "true"
        if withdrawn:
            notice.review_outcome = "återkallad"
        else:
            notice.review_outcome = _DECISIONS.get(decision or "other", "avslag")


# -- elements ---------------------------------------------------------------------------------------------


def _bare(element: Element | None) -> str:
    return (element.text or "").strip() if element is not None else ""


def _text(element: Element, path: str) -> str | None:
    return _bare(element.find(path, NS)) or None


def _worded(element: Element, path: str) -> str | None:
    """A text in several languages: the Swedish one, else the first."""
    found = [one for one in element.findall(path, NS) if _bare(one)]
    swedish = [one for one in found if one.get("languageID") == "SWE"]
    return next((one.text for one in [*swedish, *found]), None)


def _money(notice: Notice, element: Element | None, path: str, name: str) -> tuple[str | None, str | None]:
    if element is None:
        return None, None
    value = facts.amount(notice, element.text, path, name)
    return value, (element.get("currencyID") if value else None)


def _unknown(notice: Notice, path: str, name: str, value: str) -> None:
    """A code that is none, or a reference to nothing; an empty one is missing."""
    if value:
        notice.problems.append(Problem("notice_unknown_code", path, name, value))
    else:
        notice.miss(path, name)
