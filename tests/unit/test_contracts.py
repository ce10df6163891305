"""The source contracts say what the specification says, and an ill-formed contract is refused."""

from pathlib import Path

import pytest
import yaml

from dagster_project.contracts import CONTRACTS_DIR, Column, ContractError, Source, fold, load_contracts

CONTRACTS = load_contracts()
EACH_SOURCE = pytest.mark.parametrize("source", CONTRACTS.values(), ids=CONTRACTS)

# The table of sources, in its own words: `!` = key, `*` = required.
SPECIFIED = {
    "organisations": "unit_id!* unit_name* orgnr member_code* kind",
    "categories": (
        "category_code!* category_name* group_code* group_name* is_food emission_kg_per_sek emission_source "
        "emission_year"
    ),
    "accounts": "account_from!* account_to!* category_code purchase*",
    "procurements": (
        "procurement_id!* title* category_code* procedure* works above_threshold planned_completion_date "
        "planned_coordinated announced_date tender_deadline award_date completed_date cancelled_date "
        "cancellation_reason participants_complete reserved questions_count bidders_contacted_date "
        "new_solution environment_applicable environment_exemption_reason review_applied_date review_outcome "
        "estimated_value coordination_hours coordination_cost coordination_deviation_code "
        "coordination_deviation_reason"
    ),
    "participants": "procurement_id!* unit_id!*",
    "lots": (
        "procurement_id!* lot_id!* title category_code tenders_received sme_tenders awarded contract_value"
    ),
    "requirements": "procurement_id!* area!* level*",
    # supplier_id is a part of the key: a consortium has one row per member.
    "bids": "procurement_id!* lot_id! bidder_id!* supplier_id!* bid_price first_price status* winner",
    "suppliers": "supplier_id!* supplier_name* employees social_enterprise group_parent_id",
    "workplaces": "supplier_id!* municipality_code!* valid_from valid_to",
    "contracts": (
        "contract_id!* supplier_id!* procurement_id title category_code* signed_date valid_from* valid_to "
        "terminated_date termination_reason contract_class annual_value expected_volume ceiling_value "
        "extension_until critical continuity_plan"
    ),
    "contract_categories": "contract_id!* category_code!*",
    "contract_buyers": "contract_id!* unit_id!*",
    "contract_followups": "contract_id!* followup_date!* form!* quality_score deviation_found",
    "savings": (
        "procurement_id!* lot_id! method!* before_amount* after_amount* uncertainty_share assumptions*"
    ),
    # buyer_unit_id or buyer_orgnr: either will do, so neither is required alone.
    "invoices": (
        "buyer_unit_id! buyer_orgnr fiscal_year! invoice_id!* line_no! supplier_id supplier_name "
        "supplier_bankgiro invoice_date* booking_date* account* cost_centre category_code contract_id "
        "order_id supplier_invoice_number amount_net* vat_amount currency text"
    ),
    # likeness and confirmed come back with the workbook of proposals; a register kept by hand has neither.
    "supplier_aliases": "alias_kind!* alias!* supplier_id* likeness confirmed",
    "invoice_reviews": (
        "sample_id!* buyer_unit_id!* fiscal_year invoice_id!* line_no! verdict* reviewer comment"
    ),
    "survey_answers": (
        "survey!* respondent_id!* question_id!* answered_date* procurement_id member_code score* scale_min* "
        "scale_max*"
    ),
    "activities": "activity_id!* activity_date* kind* procurement_id member_code participants",
    "internships": "placement_id!* start_date* persons* contract_id member_code",
    "trainings": "training_id!* training_date* member_code* topic participants",
    "staff": "month!* headcount* leavers* ordinary_hours* sick_hours* training_hours*",
    "budget": "month!* line!* budget_amount* outcome_amount*",
    "deviations": "deviation_id!* deviation_date* governing_document* material* description",
    "business_climate": "year!* member_code!* rank*",
    "targets": (
        "organisation!* plan_id!* kpi_id!* valid_from!* valid_to member_code! operator* target_value note"
    ),
    "published_outcomes": "organisation!* kpi_id!* period!* value* decimals source",
    "comments": "period!* kpi_id!* member_code! text*",
    "lessons": ("procurement_id!* recorded_date!* kind* text* expected_bids expected_price expected_review"),
    "classifications": "list!* code!* category_code*",
    "exchange_rates": "currency!* date!* sek_per_unit*",
    "maturity_answers": (
        "assessment_id!* respondent_id!* question_id!* organisation_name* role answered_date* answer*"
    ),
}
CODES = {
    ("organisations", "kind"): "municipality region company federation centre",
    ("procurements", "procedure"): (
        "open simplified selective negotiated competitive_dialogue innovation_partnership dps_setup dps_call "
        "framework_call own_procedure direct_award lov"
    ),
    ("requirements", "area"): (
        "environment_management reuse climate_transport climate_other chemicals organic_food local_food "
        "plant_based_food environment_other employment labour_terms accessibility gender_equality"
    ),
    ("requirements", "level"): "base advanced spearhead",
    ("bids", "status"): "submitted qualified rejected withdrawn late",
    ("contracts", "contract_class"): "A B C D",
    ("contract_followups", "form"): "meeting phone email",
    ("savings", "method"): "basket negotiation",
    ("supplier_aliases", "alias_kind"): "name bankgiro orgnr",
    ("invoice_reviews", "verdict"): "on_contract wild uncovered excluded not_reviewed",
    ("survey_answers", "survey"): "nki nai",
    ("activities", "kind"): "early_dialogue rfi supplier_meeting other",
    ("budget", "line"): "income staff premises systems external other",
    ("targets", "operator"): ">= > <= < abs< decrease baseline measure",
    ("lessons", "kind"): "expectation lesson",
}
QUARANTINING = {
    "participants": {"procurements", "organisations"},
    "lots": {"procurements"},
    "bids": {"procurements"},
    "requirements": {"procurements"},
    "savings": {"procurements"},
    "contract_buyers": {"contracts"},
    "contract_followups": {"contracts"},
    "contract_categories": {"contracts"},
    "invoices": {"organisations"},
    "invoice_reviews": {"invoices"},
}


def spelled(source: Source, column: Column) -> str:
    return column.name + "!" * (column.name in source.key) + "*" * column.required


def words_of(column: Column) -> list[tuple[str, str]]:
    """Folded word and the code that it means."""
    return [(fold(word), code) for code, words in column.values.items() for word in (code, *words)]


def test_every_source_is_there_with_its_columns_keys_and_required_columns_in_order() -> None:
    assert {name: " ".join(spelled(s, c) for c in s.columns) for name, s in CONTRACTS.items()} == SPECIFIED


def test_a_first_run_needs_organisations_procurements_and_participants_only() -> None:
    assert {s.name for s in CONTRACTS.values() if s.required} == {
        "organisations",
        "procurements",
        "participants",
    }


def test_every_enum_has_the_codes_of_the_specification() -> None:
    enums = {(s.name, c.name): " ".join(c.values) for s in CONTRACTS.values() for c in s.columns if c.values}
    assert enums == CODES


def test_an_unknown_procedure_may_only_come_from_a_foreign_format() -> None:
    procedure = CONTRACTS["procurements"].column("procedure")
    assert procedure.foreign_values == ("unknown",)
    assert "unknown" not in procedure.values


@EACH_SOURCE
def test_no_heading_means_two_columns(source: Source) -> None:
    spelling = [(fold(w), c.name) for c in source.columns for w in (c.name, c.label_sv, *c.aliases)]
    assert len(set(spelling)) == len({heading for heading, _ in spelling})


@EACH_SOURCE
def test_no_word_means_two_codes_and_every_code_has_a_swedish_word(source: Source) -> None:
    for column in source.columns:
        meanings = words_of(column)
        assert len(set(meanings)) == len({word for word, _ in meanings}), column.name
        assert all(column.values.values()), column.name


@EACH_SOURCE
def test_every_column_has_a_swedish_help_text_and_an_english_description_that_is_a_sentence(
    source: Source,
) -> None:
    assert source.name_sv
    for column in source.columns:
        assert column.help_sv, column.name
        assert column.description.endswith("."), column.name


def test_a_source_comes_after_those_that_it_refers_to() -> None:
    order = list(CONTRACTS)
    for source in CONTRACTS.values():
        assert all(order.index(r.to) < order.index(source.name) for r in source.references)


def test_the_broken_references_that_quarantine_are_those_of_the_specification() -> None:
    strict = {
        name: {r.to for r in source.references if r.severity == "error" and r.to != "categories"}
        for name, source in CONTRACTS.items()
    }
    assert {name: targets for name, targets in strict.items() if targets} == QUARANTINING


def test_a_category_must_be_known_wherever_one_is_named_and_categories_were_delivered() -> None:
    for source in CONTRACTS.values():
        if source.name == "categories" or "category_code" not in {c.name for c in source.columns}:
            continue
        (reference,) = [r for r in source.references if r.to == "categories"]
        assert (reference.severity, reference.if_delivered) == ("error", True), source.name


def test_all_members_need_no_counterpart_among_the_units() -> None:
    (units,) = [r for r in CONTRACTS["contract_buyers"].references if r.to == "organisations"]
    assert (units.severity, units.except_values) == ("warning", ("ALL",))


def test_whoever_can_be_a_person_is_flagged_and_buyers_are_not() -> None:
    flagged = {(s.name, c.name): c.personal for s in CONTRACTS.values() for c in s.columns if c.personal}
    for source in CONTRACTS.values():
        for column in source.columns:
            if column.name in {"supplier_id", "bidder_id", "group_parent_id", "alias", "respondent_id"}:
                assert flagged.pop((source.name, column.name)) == "id"
    assert flagged == {("suppliers", "supplier_name"): "name", ("invoices", "supplier_name"): "name"}


def test_empty_cells_are_filled_as_the_specification_says() -> None:
    defaults = {
        (s.name, c.name): c.default for s in CONTRACTS.values() for c in s.columns if c.default is not None
    }
    assert defaults == {
        ("procurements", "participants_complete"): "true",
        ("invoices", "fiscal_year"): {"year_of": "booking_date"},
        ("invoices", "currency"): "SEK",
    }


@pytest.mark.parametrize(
    ("heading", "column"),
    [
        ("Org.nr leverantör", "supplier_id"),
        ("Leverantör", "supplier_name"),
        ("FAKTURADATUM", "invoice_date"),
        ("Bokförings-datum", "booking_date"),
        ("Ver nr", "invoice_id"),
        ("Belopp exkl moms", "amount_net"),
        ("kostnadsstalle", "cost_centre"),
        ("Ansvar", "cost_centre"),
    ],
)
def test_what_ledgers_call_their_columns_is_known(heading: str, column: str) -> None:
    assert CONTRACTS["invoices"].headers()[fold(heading)] == column


def minimal() -> dict:
    column = {"name": "id", "description": "Id.", "config": {"meta": {"type": "code", "label_sv": "Id"}}}
    table = {
        "name": "things",
        "description": "Things.",
        "config": {"meta": {"name_sv": "Saker", "key": ["id"]}},
        "columns": [column],
    }
    return {"version": 2, "sources": [{"name": "delivered", "tables": [table]}]}


def loaded(document: dict, folder: Path) -> dict[str, Source]:
    (folder / "area").mkdir()
    (folder / "area" / "_area__contract.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return load_contracts(folder)


def test_the_smallest_contract_is_a_key_and_a_column(tmp_path: Path) -> None:
    assert list(loaded(minimal(), tmp_path)) == ["things"]


@pytest.mark.parametrize("place", ["column", "table"])
def test_an_unknown_key_is_an_error_that_names_it(place: str, tmp_path: Path) -> None:
    document = minimal()
    table = document["sources"][0]["tables"][0]
    (table if place == "table" else table["columns"][0])["config"]["meta"]["aliaser"] = ["x"]
    with pytest.raises(ContractError, match="aliaser"):
        loaded(document, tmp_path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"key": ["nothing"]}, "no such column: nothing"),
        ({"references": [{"columns": {"id": "id"}, "to": "nowhere", "severity": "error"}]}, "nowhere"),
    ],
)
def test_a_contract_that_points_at_nothing_is_refused(change: dict, told: str, tmp_path: Path) -> None:
    document = minimal()
    document["sources"][0]["tables"][0]["config"]["meta"] |= change
    with pytest.raises(ContractError, match=told):
        loaded(document, tmp_path)


def test_references_in_a_circle_are_refused(tmp_path: Path) -> None:
    document = minimal()
    (first,) = document["sources"][0]["tables"]
    second = yaml.safe_load(yaml.safe_dump(first)) | {"name": "others"}
    for table, other in ((first, "others"), (second, "things")):
        table["config"]["meta"]["references"] = [{"columns": {"id": "id"}, "to": other, "severity": "error"}]
    document["sources"][0]["tables"] = [first, second]
    with pytest.raises(ContractError, match="circle"):
        loaded(document, tmp_path)


def test_a_heading_of_two_columns_is_refused(tmp_path: Path) -> None:
    document = minimal()
    columns = document["sources"][0]["tables"][0]["columns"]
    columns.append(
        {"name": "other", "description": "O.", "config": {"meta": {"type": "text", "label_sv": "I-D"}}}
    )
    with pytest.raises(ContractError, match="means both"):
        loaded(document, tmp_path)


def test_a_source_declared_twice_is_refused(tmp_path: Path) -> None:
    document = minimal()
    document["sources"][0]["tables"] *= 2
    with pytest.raises(ContractError, match="twice"):
        loaded(document, tmp_path)


def test_every_source_has_its_staging_model_beside_its_contract() -> None:
    expected = {f"{s.area}/stg_{s.name}.sql": f"{{{{ staged('{s.name}') }}}}" for s in CONTRACTS.values()}
    found = {
        path.relative_to(CONTRACTS_DIR).as_posix(): path.read_text(encoding="utf-8").strip()
        for path in CONTRACTS_DIR.glob("*/*.sql")
    }
    # The ledger's staging also brings amounts to kronor.
    assert expected["purchases/stg_invoices.sql"] in found.pop("purchases/stg_invoices.sql")
    del expected["purchases/stg_invoices.sql"]
    assert found == expected
