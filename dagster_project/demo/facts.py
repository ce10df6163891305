"""The planted facts of a demonstration organisation: one dataclass per source, and the world that holds them.

What belongs here: the shape of what is true (canonical columns, Python types, organisation numbers as ten
digits). What does not: how it is invented, how a file spells it, or what is counted from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

FIRST_YEAR, LAST_YEAR = 2019, 2022
FIRST_DAY, LAST_DAY = date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31)

ENVIRONMENT_AREAS = (
    "environment_management", "reuse", "climate_transport", "climate_other", "chemicals",
    "organic_food", "local_food", "plant_based_food", "environment_other",
)  # fmt: skip
SOCIAL_AREAS = ("employment", "labour_terms", "accessibility", "gender_equality")


@dataclass(slots=True)
class Unit:
    unit_id: str
    unit_name: str
    orgnr: str | None
    member_code: str
    kind: str


@dataclass(slots=True)
class Category:
    category_code: str
    category_name: str
    group_code: str
    group_name: str
    is_food: bool
    emission_kg_per_sek: Decimal | None = None
    emission_source: str | None = None
    emission_year: int | None = None


@dataclass(slots=True)
class AccountRange:
    account_from: str
    account_to: str
    category_code: str | None
    purchase: bool


@dataclass(slots=True)
class Procurement:
    procurement_id: str
    title: str
    category_code: str
    procedure: str
    works: bool = False
    above_threshold: bool = False
    planned_completion_date: date | None = None
    planned_coordinated: bool = False
    announced_date: date | None = None
    tender_deadline: date | None = None
    award_date: date | None = None
    completed_date: date | None = None
    cancelled_date: date | None = None
    cancellation_reason: str | None = None
    participants_complete: bool | None = None
    reserved: bool = False
    questions_count: int | None = None
    bidders_contacted_date: date | None = None
    new_solution: bool = False
    environment_applicable: bool | None = None
    environment_exemption_reason: str | None = None
    review_applied_date: date | None = None
    review_outcome: str | None = None
    estimated_value: Decimal | None = None
    coordination_hours: Decimal | None = None
    coordination_cost: Decimal | None = None
    coordination_deviation_code: str | None = None
    coordination_deviation_reason: str | None = None


@dataclass(slots=True)
class Participant:
    procurement_id: str
    unit_id: str


@dataclass(slots=True)
class Lot:
    procurement_id: str
    lot_id: str
    title: str | None = None
    category_code: str | None = None
    tenders_received: int | None = None
    sme_tenders: int | None = None
    awarded: bool | None = None
    contract_value: Decimal | None = None


@dataclass(slots=True)
class Requirement:
    procurement_id: str
    area: str
    level: str


@dataclass(slots=True)
class Bid:
    procurement_id: str
    lot_id: str | None
    bidder_id: str
    supplier_id: str
    bid_price: Decimal | None = None
    first_price: Decimal | None = None
    status: str = "qualified"
    winner: bool = False


@dataclass(slots=True)
class Supplier:
    supplier_id: str
    supplier_name: str
    employees: int | None = None
    social_enterprise: bool = False
    group_parent_id: str | None = None


@dataclass(slots=True)
class Workplace:
    supplier_id: str
    municipality_code: str
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(slots=True)
class Contract:
    """One supplier's place in a contract; a framework has several."""

    contract_id: str
    supplier_id: str
    procurement_id: str | None
    title: str | None
    category_code: str
    signed_date: date | None
    valid_from: date
    valid_to: date | None
    terminated_date: date | None = None
    termination_reason: str | None = None
    contract_class: str | None = None
    annual_value: Decimal | None = None
    expected_volume: Decimal | None = None
    ceiling_value: Decimal | None = None
    extension_until: date | None = None
    critical: bool = False
    continuity_plan: bool = False

    @property
    def last_day(self) -> date:
        """The last day of validity; `date.max` where there is no end."""
        return min(self.valid_to or date.max, self.terminated_date or date.max)


@dataclass(slots=True)
class ContractCategory:
    contract_id: str
    category_code: str


@dataclass(slots=True)
class ContractBuyer:
    contract_id: str
    unit_id: str


@dataclass(slots=True)
class Followup:
    contract_id: str
    followup_date: date
    form: str
    quality_score: int | None = None
    deviation_found: bool | None = None


@dataclass(slots=True)
class Saving:
    procurement_id: str
    lot_id: str | None
    method: str
    before_amount: Decimal
    after_amount: Decimal
    uncertainty_share: Decimal | None
    assumptions: str


@dataclass(slots=True)
class Spelling:
    """How a ledger writes a supplier, and which supplier it is by the rules (None: unknown)."""

    written_id: str | None
    name: str | None
    bankgiro: str | None
    supplier_id: str | None


@dataclass(slots=True)
class Line:
    """A hand-planted invoice line (the bulk lives in frames, `ledger.py`). Amounts in öre, SEK."""

    buyer_unit_id: str
    invoice_id: str
    line_no: int
    spelling: int
    invoice_date: date
    booking_date: date
    account: int
    amount_ore: int
    category_code: str | None = None
    contract_id: str | None = None
    currency: str = "SEK"
    rate: Decimal = Decimal(1)
    text: str | None = None

    @property
    def fiscal_year(self) -> int:
        return self.booking_date.year

    @property
    def key(self) -> tuple[str, int, str, int]:
        return (self.buyer_unit_id, self.fiscal_year, self.invoice_id, self.line_no)


@dataclass(slots=True)
class SupplierAlias:
    alias_kind: str
    alias: str
    supplier_id: str


@dataclass(slots=True)
class InvoiceReview:
    sample_id: str
    buyer_unit_id: str
    fiscal_year: int
    invoice_id: str
    line_no: int
    verdict: str
    reviewer: str | None
    comment: str | None


@dataclass(slots=True)
class Answer:
    survey: str
    respondent_id: str
    question_id: str
    answered_date: date
    procurement_id: str | None
    member_code: str | None
    score: int
    scale_min: int
    scale_max: int


@dataclass(slots=True)
class Activity:
    activity_id: str
    activity_date: date
    kind: str
    procurement_id: str | None
    member_code: str | None
    participants: int | None


@dataclass(slots=True)
class Internship:
    placement_id: str
    start_date: date
    persons: int
    contract_id: str | None
    member_code: str | None


@dataclass(slots=True)
class Training:
    training_id: str
    training_date: date
    member_code: str
    topic: str | None
    participants: int | None


@dataclass(slots=True)
class StaffMonth:
    month: str
    headcount: Decimal
    leavers: int
    ordinary_hours: Decimal
    sick_hours: Decimal
    training_hours: Decimal


@dataclass(slots=True)
class BudgetLine:
    month: str
    line: str
    budget_amount: Decimal
    outcome_amount: Decimal


@dataclass(slots=True)
class Deviation:
    deviation_id: str
    deviation_date: date
    governing_document: str
    material: bool
    description: str | None


@dataclass(slots=True)
class ClimateRank:
    year: int
    member_code: str
    rank: int


@dataclass(slots=True)
class Target:
    organisation: str
    plan_id: str
    kpi_id: str
    valid_from: date
    valid_to: date | None
    member_code: str | None
    operator: str
    target_value: Decimal | None
    note: str | None = None


@dataclass(slots=True)
class PublishedOutcome:
    organisation: str
    kpi_id: str
    period: str
    value: Decimal
    decimals: int | None
    source: str | None


@dataclass(slots=True)
class Comment:
    period: str
    kpi_id: str
    member_code: str | None
    text: str


@dataclass(slots=True)
class Lesson:
    procurement_id: str
    recorded_date: date
    kind: str
    text: str
    expected_bids: int | None
    expected_price: Decimal | None
    expected_review: Decimal | None


@dataclass(slots=True)
class Classification:
    list: str
    code: str
    category_code: str


@dataclass(slots=True)
class ExchangeRate:
    currency: str
    date: date
    sek_per_unit: Decimal


@dataclass(slots=True)
class MaturityAnswer:
    assessment_id: str
    respondent_id: str
    question_id: str
    organisation_name: str
    role: str | None
    answered_date: date
    answer: Decimal


KEYS: dict[str, tuple[str, ...]] = {
    "organisations": ("unit_id",),
    "categories": ("category_code",),
    "accounts": ("account_from", "account_to"),
    "procurements": ("procurement_id",),
    "participants": ("procurement_id", "unit_id"),
    "lots": ("procurement_id", "lot_id"),
    "requirements": ("procurement_id", "area"),
    "bids": ("procurement_id", "lot_id", "bidder_id", "supplier_id"),
    "suppliers": ("supplier_id",),
    "workplaces": ("supplier_id", "municipality_code"),
    "contracts": ("contract_id", "supplier_id"),
    "contract_categories": ("contract_id", "category_code"),
    "contract_buyers": ("contract_id", "unit_id"),
    "contract_followups": ("contract_id", "followup_date", "form"),
    "savings": ("procurement_id", "lot_id", "method"),
    "supplier_aliases": ("alias_kind", "alias"),
    "invoice_reviews": ("sample_id", "buyer_unit_id", "fiscal_year", "invoice_id", "line_no"),
    "survey_answers": ("survey", "respondent_id", "question_id"),
    "activities": ("activity_id",),
    "internships": ("placement_id",),
    "trainings": ("training_id",),
    "staff": ("month",),
    "budget": ("month", "line"),
    "deviations": ("deviation_id",),
    "business_climate": ("year", "member_code"),
    "targets": ("organisation", "plan_id", "kpi_id", "valid_from", "member_code"),
    "published_outcomes": ("organisation", "kpi_id", "period"),
    "comments": ("period", "kpi_id", "member_code"),
    "lessons": ("procurement_id", "recorded_date"),
    "classifications": ("list", "code"),
    "exchange_rates": ("currency", "date"),
    "maturity_answers": ("assessment_id", "respondent_id", "question_id"),
}
"""Every register source and its key. `invoices` is not among them: its bulk lives in frames."""

REFERENCES: tuple[tuple[str, str, str, str], ...] = (
    ("participants", "procurement_id", "procurements", "procurement_id"),
    ("participants", "unit_id", "organisations", "unit_id"),
    ("lots", "procurement_id", "procurements", "procurement_id"),
    ("bids", "procurement_id", "procurements", "procurement_id"),
    ("requirements", "procurement_id", "procurements", "procurement_id"),
    ("savings", "procurement_id", "procurements", "procurement_id"),
    ("contract_buyers", "contract_id", "contracts", "contract_id"),
    ("contract_categories", "contract_id", "contracts", "contract_id"),
    ("contract_followups", "contract_id", "contracts", "contract_id"),
)
"""Child source and column, parent source and column, where a row without its parent is an error."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large the registers are; the ledger is scaled apart."""

    procurements_per_year: int
    suppliers: int
    contracts: int
    invoice_lines: int

    @staticmethod
    def of(invoice_lines: int) -> Size:
        """A small ledger gets small registers, so that the shipped demonstration stays small."""
        if invoice_lines < 20_000:
            return Size(80, 150, 150, invoice_lines)
        return Size(250, 300, 400, invoice_lines)


@dataclass(slots=True)
class World:
    """Everything that is true of one demonstration organisation."""

    organisation: str
    name: str
    seed: int
    size: Size
    members: dict[str, str]
    region_counties: tuple[str, ...]
    region_municipalities: tuple[str, ...]
    organisations: list[Unit] = field(default_factory=list)
    categories: list[Category] = field(default_factory=list)
    accounts: list[AccountRange] = field(default_factory=list)
    procurements: list[Procurement] = field(default_factory=list)
    participants: list[Participant] = field(default_factory=list)
    lots: list[Lot] = field(default_factory=list)
    requirements: list[Requirement] = field(default_factory=list)
    bids: list[Bid] = field(default_factory=list)
    suppliers: list[Supplier] = field(default_factory=list)
    workplaces: list[Workplace] = field(default_factory=list)
    contracts: list[Contract] = field(default_factory=list)
    contract_categories: list[ContractCategory] = field(default_factory=list)
    contract_buyers: list[ContractBuyer] = field(default_factory=list)
    contract_followups: list[Followup] = field(default_factory=list)
    savings: list[Saving] = field(default_factory=list)
    supplier_aliases: list[SupplierAlias] = field(default_factory=list)
    invoice_reviews: list[InvoiceReview] = field(default_factory=list)
    survey_answers: list[Answer] = field(default_factory=list)
    activities: list[Activity] = field(default_factory=list)
    internships: list[Internship] = field(default_factory=list)
    trainings: list[Training] = field(default_factory=list)
    staff: list[StaffMonth] = field(default_factory=list)
    budget: list[BudgetLine] = field(default_factory=list)
    deviations: list[Deviation] = field(default_factory=list)
    business_climate: list[ClimateRank] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    published_outcomes: list[PublishedOutcome] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    lessons: list[Lesson] = field(default_factory=list)
    classifications: list[Classification] = field(default_factory=list)
    exchange_rates: list[ExchangeRate] = field(default_factory=list)
    maturity_answers: list[MaturityAnswer] = field(default_factory=list)
    spellings: list[Spelling] = field(default_factory=list)
    planted_lines: list[Line] = field(default_factory=list)
    # What only the planted cases use; the random parts keep away from it so that each trap stays what it is.
    reserved_suppliers: set[str] = field(default_factory=set)
    reserved_contracts: set[str] = field(default_factory=set)
    reserved_categories: set[str] = field(default_factory=set)
    reserved_units: set[str] = field(default_factory=set)

    def table(self, source: str) -> list[Any]:
        """The records of a register source."""
        records: list[Any] = getattr(self, source)
        return records

    def without(self, gone: dict[str, set[tuple[Any, ...]]]) -> World:
        """The world without the records whose (source, key) is in `gone`; `invoices` names planted lines."""
        kept: dict[str, Any] = {
            source: [r for r in self.table(source) if key_of(source, r) not in keys]
            for source, keys in gone.items()
            if source != "invoices"
        }
        if "invoices" in gone:
            kept["planted_lines"] = [line for line in self.planted_lines if line.key not in gone["invoices"]]
        return replace(self, **kept)


def key_of(source: str, record: Any) -> tuple[Any, ...]:
    """The key values of a record of a register source."""
    return tuple(getattr(record, column) for column in KEYS[source])
