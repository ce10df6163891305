"""TED exports, schema R2.0.9 and R2.0.8: one document becomes a `Notice`, as eForms would have it.

The forms of 2014 (F01–F25) share their elements. The defence forms, and R2.0.8's own, write the same facts in older
elements; those are found by name wherever they stand. Only the form in the original language is read, not the
translations. What does not belong here: what values mean (facts), several notices together (relations).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

from lxml import etree

from dagster_project.flow.adapters.notices import facts
from dagster_project.flow.adapters.notices.facts import Award, Lot, Notice, Party, Tender

ROOT = "TED_EXPORT"
_CORRECTION = "F14"
_RESULTS = frozenset({"F03", "F06", "F13", "F18", "F25", "3", "6", "13", "18"})
_COMPETITIONS = frozenset({"F02", "F05", "F12", "F17", "F24", "2", "5", "12", "17"})
_PROCEDURES = {
    "PT_OPEN": "open",
    "F03_OPEN": "open",
    "PT_RESTRICTED": "restricted",
    "PT_ACCELERATED_RESTRICTED": "restricted",
    "PT_COMPETITIVE_NEGOTIATION": "neg-w-call",
    "PT_NEGOTIATED_CHOICE": "neg-w-call",
    "PT_ACCELERATED_NEGOTIATED": "neg-w-call",
    "PT_NEGOTIATED_WITH_PRIOR_CALL": "neg-w-call",
    "PT_NEGOTIATED_WITH_PUBLICATION_CONTRACT_NOTICE": "neg-w-call",
    "PT_INVOLVING_NEGOTIATION": "neg-w-call",
    "PT_NEGOTIATED_WITHOUT_PUBLICATION": "neg-wo-call",
    "PT_NEGOTIATED_WITHOUT_COMPETITION": "neg-wo-call",
    "PT_AWARD_CONTRACT_WITHOUT_CALL": "neg-wo-call",
    "PT_AWARD_CONTRACT_WITHOUT_PUBLICATION": "neg-wo-call",
    "PT_COMPETITIVE_DIALOGUE": "comp-dial",
    "PT_INNOVATION_PARTNERSHIP": "innovation",
    "PT_AWARD_CONTRACT_WITH_PRIOR_PUBLICATION": "oth-mult",
}
_FRAMEWORKS = ("FRAMEWORK", "ESTABLISHMENT_FRAMEWORK_AGREEMENT", "CONCLUSION_FRAMEWORK_AGREEMENT")
# Reasons in the words of eForms, so that both schemas give the same.
_REASONS = {"PROCUREMENT_UNSUCCESSFUL": "all-rej", "PROCUREMENT_DISCONTINUED": "other"}
_OLD_AWARDS = ("AWARD_OF_CONTRACT", "AWARD_OF_CONTRACT_DEFENCE", "AWARD_AND_CONTRACT_VALUE")

Element: TypeAlias = etree._Element


def is_root(tag: str) -> bool:
    """Whether a root is that of a TED export; its namespace has been written in many ways over the years."""
    return etree.QName(tag).localname == ROOT


def read(root: Element, key: bytes) -> Notice:
    """One TED notice; what is wrong with it stands in its `problems`."""
    notice = Notice("ted", version="01")
    _identify(notice, root)
    form = _original(root)
    if form is None:
        notice.miss("FORM_SECTION", "form")
        return notice
    name = (form.get("FORM") or "").upper() or _name(form)
    notice.subtype = name if name.startswith("F") else f"F{name.zfill(2)}"
    notice.kind = _kind(notice.subtype, form)
    notice.above_threshold = True
    notice.supersedes = None
    if notice.kind == "change":
        _correction(notice, form)
    _buyers(notice, root, form, key)
    _procurement(notice, root, form)
    if notice.kind in ("competition", "result", "award_pre"):
        _lots(notice, form)
        _awards(notice, form, key)
    return notice


# -- the notice itself ------------------------------------------------------------------------------------


def _identify(notice: Notice, root: Element) -> None:
    stated = root.get("DOC_ID") or _bare(_first(root, "NO_DOC_OJS"))
    notice.publication_number = facts.publication_number(stated)
    if notice.publication_number is None:
        notice.miss("/TED_EXPORT/@DOC_ID", "notice_id")
    notice.notice_id = notice.publication_number
    path = "CODED_DATA_SECTION/REF_OJS/DATE_PUB"
    notice.published_date = facts.day(notice, _bare(_first(root, "DATE_PUB")), path, "published_date")
    dispatched = _bare(_first(root, "DATE_DISPATCH_NOTICE")) or _bare(_first(root, "DS_DATE_DISPATCH"))
    notice.dispatch_date = facts.day(notice, dispatched, "DATE_DISPATCH_NOTICE", "dispatch_date")
    if notice.published_date is None and notice.dispatch_date is None:
        notice.miss(path, "published_date")


def _original(root: Element) -> Element | None:
    section = _first(root, "FORM_SECTION")
    forms = [form for form in section if form.get("FORM")] if section is not None else []
    originals = [form for form in forms if form.get("CATEGORY", "ORIGINAL") == "ORIGINAL"]
    return next(iter([*originals, *forms]), None)


def _kind(form_name: str, form: Element) -> facts.Kind:
    notice_type = _first(form, "NOTICE")
    stated = notice_type.get("TYPE", "") if notice_type is not None else ""
    if form_name == _CORRECTION:
        return "change"
    if form_name == "F15":
        return "award_pre"
    if form_name in _RESULTS or "AWARD" in stated:
        return "result"
    if form_name in _COMPETITIONS or stated == "CONTRACT" or "CALL" in stated:
        return "competition"
    return "other"


def _correction(notice: Notice, form: Element) -> None:
    """A corrigendum tells only what it changes; of that the day for tenders is a fact of ours."""
    notice.supersedes = None
    number = facts.publication_number(_bare(_first(form, "NOTICE_NUMBER_OJ")))
    if number is not None:
        notice.refers_to = [number]
    for change in _all(form, "CHANGE"):
        section = _bare(_first(change, "SECTION"))
        new = _first(change, "NEW_VALUE")
        if section == "IV.2.2" and new is not None:
            notice.tender_deadline = facts.day(
                notice, _bare(_first(new, "DATE")), "NEW_VALUE/DATE", "tender_deadline"
            )


# -- who buys ---------------------------------------------------------------------------------------------


def _buyers(notice: Notice, root: Element, form: Element, key: bytes) -> None:
    elements = [*_all(form, "ADDRESS_CONTRACTING_BODY"), *_all(form, "ADDRESS_CONTRACTING_BODY_ADDITIONAL")]
    elements = elements or [*_all(form, "CA_CE_CONCESSIONAIRE_PROFILE")]
    found: dict[str, Party] = {}
    for element in elements:
        buyer = _party(notice, element, key, "ADDRESS_CONTRACTING_BODY")
        if buyer is not None:
            found.setdefault(buyer.id, buyer)
    notice.buyers = list(found.values())
    if not notice.buyers:
        notice.miss("CONTRACTING_BODY/ADDRESS_CONTRACTING_BODY/OFFICIALNAME", "buyer")
    if _first(form, "CENTRAL_PURCHASING") is not None or _first(form, "PURCHASING_ON_BEHALF_YES") is not None:
        notice.participants_complete = False


def _party(notice: Notice, element: Element, key: bytes, path: str) -> Party | None:
    country = _first(element, "COUNTRY")
    return facts.party(
        notice,
        key,
        _bare(_first(element, "NATIONALID")) or None,
        _bare(_first(element, "OFFICIALNAME")) or None,
        country.get("VALUE") if country is not None else None,
        f"{path}/NATIONALID",
    )


# -- what is bought ---------------------------------------------------------------------------------------


def _procurement(notice: Notice, root: Element, form: Element) -> None:
    objects = _first(form, "OBJECT_CONTRACT")
    title = _child(objects, "TITLE") if objects is not None else _first(form, "TITLE_CONTRACT")
    notice.title = facts.text(_paragraphs(title))
    if notice.title is None and notice.kind in ("competition", "result", "award_pre"):
        notice.miss("OBJECT_CONTRACT/TITLE", "title")
    stated = _child(objects, "REFERENCE_NUMBER") if objects is not None else None
    stated = _first(form, "FILE_REFERENCE_NUMBER") if stated is None else stated
    notice.reference = facts.reference(_paragraphs(stated))
    notice.category_code = facts.cpv(_cpv(form))
    if notice.category_code is None and notice.kind in ("competition", "result", "award_pre"):
        notice.miss("OBJECT_CONTRACT/CPV_MAIN/CPV_CODE/@CODE", "cpv")
    nature = _first(form, "TYPE_CONTRACT")
    if nature is not None:
        notice.works = (nature.get("CTYPE") or nature.get("VALUE") or "").upper() == "WORKS"
    for element in form.iter():
        code = _PROCEDURES.get(_name(element))
        if code is not None:
            notice.procedure = facts.PROCEDURES[code]
            break
    if _first(form, "DPS") is not None:
        notice.procedure = "dps_setup"
    if notice.kind == "result":
        number = facts.publication_number(_bare(_first(form, "NOTICE_NUMBER_OJ")))
        notice.refers_to = [number] if number is not None else []
    if notice.kind == "competition" and _first(form, "PT_OPEN") is not None:
        path = "PROCEDURE/DATE_RECEIPT_TENDERS"
        notice.tender_deadline = facts.day(
            notice, _bare(_first(form, "DATE_RECEIPT_TENDERS")) or _parts(_first(form, "RECEIPT_LIMIT_DATE")),
            path, "tender_deadline",
        )  # fmt: skip
    if notice.kind == "competition":
        value = _child(objects, "VAL_ESTIMATED_TOTAL") if objects is not None else None
        notice.estimated_value, notice.estimated_currency = _money(notice, value, "VAL_ESTIMATED_TOTAL")


def _lots(notice: Notice, form: Element) -> None:
    described = list(_all(form, "OBJECT_DESCR"))
    framework = any(_first(form, name) is not None for name in _FRAMEWORKS) or any(
        (element.get("VALUE") or "") in _FRAMEWORKS for element in _all(form, "NOTICE_INVOLVES_DEFENCE")
    )
    # The box stands in every contract notice: one that is not ticked says that nothing is reserved.
    is_asked = notice.kind == "competition"
    reserved = (
        True if _first(form, "RESTRICTED_SHELTERED_WORKSHOP") is not None else (False if is_asked else None)
    )
    values: list[tuple[str, str | None]] = []
    for number, element in enumerate(described, start=1):
        path = f"OBJECT_CONTRACT/OBJECT_DESCR[{number}]"
        lot_id = _lot_id(_bare(_child(element, "LOT_NO")))
        lot = Lot(lot_id, path, element.sourceline or 0, is_framework=framework, reserved=reserved)
        lot.title = facts.text(_paragraphs(_child(element, "TITLE"))) or notice.title
        lot.category_code = notice.category_code if lot_id == facts.UNDIVIDED else facts.cpv(_cpv(element))
        until = facts.day(notice, _bare(_child(element, "DATE_END")), f"{path}/DATE_END", "valid_to")
        lot.valid_to = None if until is None else until.isoformat()
        value, currency = _money(notice, _child(element, "VAL_OBJECT"), f"{path}/VAL_OBJECT")
        if value is not None and notice.kind == "competition":
            values.append((value, currency))
        if lot_id not in [one.lot_id for one in notice.lots]:
            notice.lots.append(lot)
    if not notice.lots:
        notice.lots = [
            Lot(
                facts.UNDIVIDED, "FORM_SECTION", form.sourceline or 0, title=notice.title,
                category_code=notice.category_code, is_framework=framework, reserved=reserved,
            )
        ]  # fmt: skip
    facts.add_up(notice, values)


def _lot_id(number: str) -> str:
    """A lot's id as the conversion to eForms writes it; a number that is none stays."""
    if not number:
        return facts.UNDIVIDED
    return f"LOT-{int(number):04d}" if number.isdecimal() and len(number) <= 9 else number


# -- what came of it --------------------------------------------------------------------------------------


def _awards(notice: Notice, form: Element, key: bytes) -> None:
    lots = {lot.lot_id: lot for lot in notice.lots}
    groups: dict[str, list[tuple[list[Party], str | None, str | None, str, int]]] = {}
    elements = [element for element in form.iter() if _name(element) in ("AWARD_CONTRACT", *_OLD_AWARDS)]
    for number, element in enumerate(elements, start=1):
        path = f"{notice.subtype}/{_name(element)}[{number}]"
        for lot in _lots_of(element, lots):
            _award(notice, element, lot, path, key, groups)
    if not elements and notice.kind == "result" and notice.subtype in ("F03", "F06"):
        notice.miss(f"{notice.subtype}/AWARD_CONTRACT", "results")
    for lot_id, found in groups.items():
        if lot_id and lots[lot_id].tenders == len(found):
            for suppliers, price, currency, path, line in found:
                bidder = "+".join(sorted(one.id for one in suppliers))
                notice.tenders += [
                    Tender(lot_id, bidder, one.id, one.name, price, currency, True, path, line)
                    for one in suppliers
                ]


def _lots_of(element: Element, lots: dict[str, Lot]) -> list[Lot]:
    """The lots that an award names; one that the notice does not describe is added."""
    stated = _bare(_child(element, "LOT_NO")) or _bare(_first(element, "LOT_NUMBER"))
    names = [_lot_id(part.strip()) for part in re.split(r"[,;+]", stated)] if stated else []
    if not names:
        # Which of several lots is not said: the contract stands, and nothing is known of a lot.
        return list(lots.values()) if len(lots) == 1 else [Lot("", "AWARD_CONTRACT", element.sourceline or 0)]
    for name in names:
        if name not in lots and list(lots) != [facts.UNDIVIDED]:
            lots[name] = Lot(name, "AWARD_CONTRACT/LOT_NO", element.sourceline or 0)
    return [lots[name] for name in names if name in lots] or list(lots.values())[:1]


def _award(
    notice: Notice,
    element: Element,
    lot: Lot,
    path: str,
    key: bytes,
    groups: dict[str, list[tuple[list[Party], str | None, str | None, str, int]]],
) -> None:
    if lot.lot_id and lot not in notice.lots:
        notice.lots.append(lot)
    reason = next((name for name in _REASONS if _first(element, name) is not None), None)
    lot.is_result = True
    if _first(element, "NO_AWARDED_CONTRACT") is not None:
        if lot.awarded is None:
            lot.awarded, lot.is_closed, lot.reason = False, True, _REASONS.get(reason or "", "other")
        return
    lot.awarded, lot.is_closed, lot.reason = True, False, None
    for name in ("NB_TENDERS_RECEIVED", "OFFERS_RECEIVED_NUMBER"):
        number = facts.count(notice, _bare(_first(element, name)), f"{path}/{name}", "tenders")
        lot.tenders = number if number is not None else lot.tenders
    sme = facts.count(notice, _bare(_first(element, "NB_TENDERS_RECEIVED_SME")), path, "tenders")
    lot.sme_tenders = sme if sme is not None else lot.sme_tenders
    concluded = facts.day(
        notice,
        _bare(_first(element, "DATE_CONCLUSION_CONTRACT")) or _parts(_first(element, "CONTRACT_AWARD_DATE")),
        f"{path}/DATE_CONCLUSION_CONTRACT",
        "concluded",
    )
    if concluded is not None:
        lot.concluded = max(lot.concluded or "", concluded.isoformat())
    value, currency = _money(notice, _first(element, "VAL_TOTAL"), f"{path}/VAL_TOTAL")
    addresses = list(_all(element, "ADDRESS_CONTRACTOR")) or list(
        _all(element, "ECONOMIC_OPERATOR_NAME_ADDRESS")
    )
    suppliers = [
        supplier
        for address in addresses
        if (supplier := _party(notice, address, key, f"{path}/ADDRESS_CONTRACTOR")) is not None
    ]
    suppliers = list({supplier.id: supplier for supplier in suppliers}.values())
    line = element.sourceline or 0
    for supplier in suppliers:
        notice.awards.append(
            Award(
                lot_id=lot.lot_id,
                contract=facts.text(
                    _bare(_child(element, "CONTRACT_NO")) or _bare(_first(element, "CONTRACT_NUMBER"))
                )
                or "",
                supplier_id=supplier.id,
                supplier_name=supplier.name,
                path=path,
                line=line,
                concluded=None if concluded is None else concluded.isoformat(),
                tender=path,
                value=value,
                currency=currency,
            )
        )
    if suppliers:
        # Partners that did not bid as a group have tenders of their own.
        if _first(element, "AWARDED_TO_GROUP") is not None or len(suppliers) == 1:
            groups.setdefault(lot.lot_id, []).append((suppliers, value, currency, path, line))
        else:
            groups.setdefault(lot.lot_id, []).extend(
                ([supplier], None, None, path, line) for supplier in suppliers
            )


# -- elements ---------------------------------------------------------------------------------------------


def _name(element: Element) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def _all(element: Element, name: str) -> Iterator[Element]:
    return element.iter(f"{{*}}{name}", name)


def _first(element: Element, name: str) -> Element | None:
    return next(iter(_all(element, name)), None)


def _child(element: Element, name: str) -> Element | None:
    return next((child for child in element if _name(child) == name), None)


def _bare(element: Element | None) -> str:
    return (element.text or "").strip() if element is not None else ""


def _paragraphs(element: Element | None) -> str | None:
    return None if element is None else " ".join("".join(element.itertext()).split()) or None


def _cpv(element: Element) -> str | None:
    main = _first(element, "CPV_MAIN")
    found = _first(main if main is not None else element, "CPV_CODE")
    return found.get("CODE") if found is not None else None


def _parts(element: Element | None) -> str | None:
    """A date that is written as day, month and year by themselves."""
    if element is None:
        return None
    year, month, day = (_bare(_child(element, name)) for name in ("YEAR", "MONTH", "DAY"))
    return f"{year}-{month.zfill(2)}-{day.zfill(2)}" if year and month and day else None


def _money(notice: Notice, element: Element | None, path: str) -> tuple[str | None, str | None]:
    if element is None:
        return None, None
    value = facts.amount(notice, _bare(element) or element.get("FMTVAL"), path, "value")
    return value, (element.get("CURRENCY") if value else None)
