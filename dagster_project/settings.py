"""The only reader of the environment and of `organisation.yml`.

What belongs here: where things lie (the project, a data folder) and what an organisation has chosen. What does not:
any use of the settings.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DBT_DIR = PROJECT_ROOT / "dbt"
DATA_VARIABLE = "MATTSTOCK_DATA"
SMTP_PASSWORD_VARIABLE = "MATTSTOCK_SMTP_PASSWORD"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


# What a heading of a delivery means: one column, or several that it fills alike (a ledger with one date).
Meant = Annotated[
    tuple[str, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given)
]


class SettingsError(Exception):
    """`organisation.yml` cannot be used; the text says key, what is wrong and what would be right (sv / en)."""


def _code(value: Any) -> Any:
    # YAML reads an unquoted 2080 as a number; codes with a leading zero must stand in quotes.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Code = Annotated[str, BeforeValidator(_code)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Member(_Strict):
    code: Code
    name: str | None = None


class Region(_Strict):
    counties: tuple[Code, ...] = ()
    municipalities: tuple[Code, ...] = ()


class Scope(_Strict):
    exclude_procedures: tuple[str, ...] = ("direct_award", "lov", "framework_call")
    exclude_works: bool = True


class Threshold(_Strict):
    from_: date = Field(alias="from")
    amount: Decimal


class Expected(_Strict):
    source: str
    unit: Code | None = None
    every: Literal["month", "quarter", "tertial", "half", "year"]
    days_after: int = Field(default=0, ge=0)


class Tolerances(_Strict):
    default: float = Field(default=0.01, ge=0, le=1)
    sources: dict[str, float] = Field(default_factory=dict)

    def of(self, source: str) -> float:
        """The share of a source's rows that may be quarantined."""
        return self.sources.get(source, self.default)


class Retention(_Strict):
    releases: int = Field(default=30, ge=1)


class Smtp(_Strict):
    """A mail server. The password of `user` is never here but in the variable `MATTSTOCK_SMTP_PASSWORD`."""

    host: str
    port: int = Field(default=25, ge=1, le=65535)
    sender: str = Field(default="mattstock@localhost", alias="from")
    to: tuple[str, ...] = Field(min_length=1)
    starttls: bool = False
    user: str | None = None

    @model_validator(mode="after")
    def _password_is_encrypted(self) -> Smtp:
        if self.user and not self.starttls and self.host not in LOOPBACK:
            raise ValueError("user kräver starttls: true / user needs starttls: true")
        return self


class Alerts(_Strict):
    smtp: Smtp | None = None
    webhook: str | None = None

    @field_validator("webhook")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "https://none")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("ska vara en adress som börjar med https:// / must begin with https://")
        return value


class Settings(_Strict):
    """One organisation's choices, as in `organisation.yml`; the defaults are those of the specification."""

    organisation: str
    name: str | None = None
    members: tuple[Member, ...] | Literal["all"]
    region: Region = Region()
    scope: Scope = Scope()
    coordination_hourly_rate: Decimal | dict[int, Decimal] | None = None
    direct_award_thresholds: tuple[Threshold, ...] = ()
    planning_window_months: int = Field(default=24, ge=1)
    maturity_cutoff: float = 2.5
    dates: dict[str, str] = Field(default_factory=dict)
    expected: tuple[Expected, ...] = ()
    tolerances: Tolerances = Tolerances()
    headers: dict[str, dict[str, Meant]] = Field(default_factory=dict)
    values: dict[str, dict[str, dict[str, str]]] = Field(default_factory=dict)
    retention: Retention = Retention()
    alerts: Alerts = Alerts()
    nightly: str = "02:00"
    timezone: str = "Europe/Stockholm"
    language: str = "sv"

    @field_validator("members", mode="before")
    @classmethod
    def _members(cls, value: Any) -> Any:
        if value == "all" or not isinstance(value, list):
            return value
        return [entry if isinstance(entry, dict) else {"code": entry} for entry in value]

    @field_validator("nightly", mode="before")
    @classmethod
    def _time_of_day(cls, value: Any) -> Any:
        # YAML reads an unquoted 12:30 as a number to the base of sixty.
        text = f"{value // 60:02d}:{value % 60:02d}" if isinstance(value, int) else str(value)
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
            raise ValueError(
                "ska vara ett klockslag, till exempel 02:00 / must be a time of day such as 02:00"
            )
        return text

    @field_validator("timezone")
    @classmethod
    def _timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("no such time zone") from error
        return value

    @property
    def display_name(self) -> str:
        return self.name or self.organisation


@dataclass(frozen=True)
class Workspace:
    """Where one organisation's world lies on disk."""

    root: Path

    @property
    def settings_file(self) -> Path:
        return self.root / "organisation.yml"

    @property
    def raw(self) -> Path:
        return self.root / "raw"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse"

    @property
    def quarantine(self) -> Path:
        return self.root / "quarantine"

    @property
    def marts(self) -> Path:
        return self.root / "marts"

    @property
    def current_database(self) -> Path:
        return self.marts / "current" / "procurement.duckdb"

    @property
    def secrets(self) -> Path:
        """The pseudonym key's folder: outside the marts and outside what may be rebuilt."""
        return self.root / "secrets"


def data_folder(chosen: Path | None = None) -> Workspace:
    """The data folder: the one chosen, else `MATTSTOCK_DATA`, else `data/` where the command is run."""
    return Workspace((chosen or Path(os.environ.get(DATA_VARIABLE, "data"))).resolve())


def environment() -> dict[str, str]:
    """This process's environment, to hand on to a child process."""
    return dict(os.environ)


def smtp_password() -> str | None:
    """The mail user's password: a secret that has no place in a file that is backed up and shown to others."""
    return os.environ.get(SMTP_PASSWORD_VARIABLE)


def load_settings(path: Path) -> Settings:
    """Read `organisation.yml`; SettingsError with the key, the fault and the nearest known key."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise SettingsError(
            f"{path}: filen saknas; skapa den med minst organisation och members "
            f"/ the file is missing; create it with at least organisation and members"
        ) from error
    except OSError as error:
        raise SettingsError(
            f"{path}: filen kan inte läsas ({error.strerror}); ge kontot som kör rätt att läsa den "
            f"/ cannot be read; let the account that runs read it"
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: är inte skriven i UTF-8 / is not written in UTF-8: {error}") from error
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"{path}: inte giltig YAML / not valid YAML: {error}") from error
    if not isinstance(document, dict):
        raise SettingsError(f"{path}: ska vara nyckel: värde / must hold key: value pairs")
    try:
        return Settings.model_validate(document)
    except ValidationError as error:
        raise SettingsError(f"{path}: " + "; ".join(_explain(e) for e in error.errors())) from error


def _explain(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"] if part not in ("function-before[_code(), str]",))
    if error["type"] == "missing":
        return f"{where}: obligatorisk nyckel saknas / required key is missing"
    if error["type"] != "extra_forbidden":
        return f"{where}: {error['msg']}"
    near = difflib.get_close_matches(str(error["loc"][-1]), _known_keys(), n=1, cutoff=0)
    return f"{where}: okänd nyckel; menades {near[0]}? / unknown key; did you mean {near[0]}?"


def _known_keys() -> list[str]:
    models = (Settings, Region, Scope, Tolerances, Retention, Alerts, Smtp, Expected, Threshold, Member)
    return sorted({field.alias or name for model in models for name, field in model.model_fields.items()})
