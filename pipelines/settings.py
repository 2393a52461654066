"""Every setting, and the only reader of the environment.

Belongs here: names, types, defaults and one sentence per setting (`.env.example` and `tests/test_settings.py` follow it).
Does not: what a setting does; that is said where it is used.
"""

import difflib
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from email.utils import parseaddr
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, AwareDatetime, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, SettingsConfigDict

from pipelines.problem import UsageProblem

ROOT = Path(__file__).resolve().parent.parent
"""The project's folder: `dbt_project/` and `workspace.yaml` lie in it."""


os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # the sentence model's runtime would note the machine in the home folder, to send it


class Settings(BaseSettings):
    """Settings as read from keyword arguments, the environment and `.env`, in this order of precedence.

    The environment variable of a field is its name in capitals (`database_url` is `DATABASE_URL`).
    """

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True, frozen=True)

    database_url: SecretStr | None = Field(
        None, description="Postgres 15+ for everything that we write; unset: an embedded Postgres starts."
    )
    source_url: SecretStr | None = Field(
        None, description="Postgres database (or replica) with the platform's tables; unset: DATABASE_URL."
    )
    source_schema: str = Field("app", description="Schema of the platform's tables.")
    s3_endpoint_url: str | None = Field(
        None, description="Address of the S3 server; unset together with DATABASE_URL: an embedded one starts."
    )
    s3_bucket: str = Field("creator-reports", description="Bucket for the report objects; it stays private.")
    ledger_bucket: str = Field(
        "creator-reports-ledger", description="Bucket for the saved ledger: what the source forgets; it stays private."
    )
    aws_access_key_id: str | None = Field(None, description="S3 access key.")
    aws_secret_access_key: SecretStr | None = Field(None, description="S3 secret key.")
    aws_session_token: SecretStr | None = Field(None, description="Session token that belongs to temporary S3 keys.")
    s3_credentials_expire_at: AwareDatetime | None = Field(
        None,
        description="When temporary S3 keys end; links that would outlive them are refused. Unset with a session token: links over 1 hour are.",
    )
    aws_region: str = Field(
        "us-east-1",
        validation_alias=AliasChoices("aws_region", "aws_default_region"),
        description="S3 region (AWS_DEFAULT_REGION is read too).",
    )
    late_commit_minutes: int = Field(
        10, ge=0, description="Minutes that a source commit may lag behind the time it carries; complete_through allows for it."
    )
    overlap_hours: int = Field(2, ge=0, description="Hours before the watermark that each hourly run reads again.")
    nightly_overlap_days: int = Field(30, ge=0, description="Days before the watermark that each daily run reads again.")
    link_hours: int = Field(24, ge=1, le=168, description="Hours that a link lives unless asked otherwise (the protocol ends at 168).")
    csv_bom: bool = Field(
        False, description="Begin CSV files with a byte order mark: old versions of Excel then read accents and emoji right."
    )
    render_processes: int = Field(2, ge=1, description="Processes that render reports side by side.")
    max_loss_rate: float = Field(
        0.2, gt=0, le=1, description="Share of a table's rows that one publish may take away without --accept-losses, 0 to 1."
    )
    max_replication_lag_minutes: int = Field(
        60, ge=1, description="Minutes that a source which is a replica may lag behind before reports and links wait."
    )
    question_grouping: Literal["careful", "meaning", "letters", "wording"] | None = Field(
        None,
        description="How questions are grouped: meaning (a sentence model), careful (two), letters or wording; unset: meaning, by night careful, else letters.",
    )
    question_careful_texts: int = Field(
        20_000,
        ge=0,
        description="Questions that a night may read carefully (30 ms each) where QUESTION_GROUPING is unset; the rest follows in later nights. 0: none.",
    )
    exports_per_hour: int = Field(20, ge=1, description="Exports that a creator may ask for within an hour.")
    smtp_host: str | None = Field(None, description="Mail server for the creators' mornings; unset: nothing is mailed.")
    smtp_port: int = Field(587, ge=1, le=65535, description="Its port.")
    smtp_user: str | None = Field(None, description="User at the mail server; unset: no login.")
    smtp_password: SecretStr | None = Field(None, description="Password at the mail server.")
    smtp_tls: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the connection to it is secured: starttls, tls (from the first byte) or none."
    )
    smtp_timeout_seconds: int = Field(30, ge=1, description="Seconds that the mail server may take to answer.")
    mail_from: str = Field("reports@localhost", description="Sender of the mails; its domain stands in their Message-IDs.")
    dashboard_url: str | None = Field(
        None, description="Page of the app where creators ask for reports and change their settings; mails link to it."
    )
    alert_urls: SecretStr | None = Field(
        None,
        description="Where the data team is told of failures: addresses as Apprise writes them (slack://…, mailto://…), separated by spaces.",
    )
    alert_repeat_hours: int = Field(6, ge=1, description="Hours before a cause that goes on is told again.")
    lock_wait_minutes: int = Field(30, ge=0, description="Minutes that a run waits for another one to end before it gives up.")
    first_day: date = Field(date(2025, 1, 1), description="First day for which the daily reports have a partition.")
    local_dir: Path = Field(
        Path(".local"), validate_default=True, description="Folder of the embedded world, Dagster's files and the demo's links."
    )
    dagster_home: Path | None = Field(None, description="Dagster's own folder; unset: `dagster` below LOCAL_DIR.")
    compute_logs_bucket: str | None = Field(None, description="Bucket for the logs of Dagster's steps; unset: files below DAGSTER_HOME.")

    @property
    def source_address(self) -> str:
        """Address of the database that the platform's tables are read from."""
        return (self.source_url or self.require_database_url()).get_secret_value()

    @property
    def dagster_folder(self) -> Path:
        """Dagster's instance folder (`DAGSTER_HOME`), absolute."""
        return (self.dagster_home or self.local_dir / "dagster").resolve()

    def require_database_url(self) -> SecretStr:
        """`DATABASE_URL`, or a `UsageProblem` when it is not set."""
        if self.database_url is None:
            raise UsageProblem(
                "DATABASE_URL is not set; set it (see .env.example), or use `creator-reports`, which starts an embedded Postgres."
            )
        return self.database_url

    @field_validator("mail_from")
    @classmethod
    def _is_sender(cls, value: str) -> str:
        if not re.fullmatch(r"[^@\s<>]+@[A-Za-z0-9.-]+", parseaddr(value)[1]):
            raise ValueError("is no address like reports@example.com or Reports <reports@example.com>")
        return value

    @field_validator("s3_endpoint_url")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:_-]+/?", value):
            raise ValueError("is no address like https://s3.example.com or http://127.0.0.1:9000")
        return value

    @field_validator("dashboard_url")
    @classmethod
    def _is_page(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:_-]+([/?#]\S*)?", value):
            raise ValueError("is no address like https://app.example.com/reports")
        return value

    @field_validator("local_dir", "dagster_home")
    @classmethod
    def _is_no_file(cls, value: Path | None) -> Path | None:
        for path in (value, *value.parents) if value is not None else ():
            with suppress(OSError):  # what may not be looked at is told where it is used
                if path.is_file():
                    raise ValueError(f"{path} is a file, no folder")
        return value


def load_settings(**overrides: object) -> Settings:
    """Settings with `overrides` (by field name) above the environment; a malformed value is a `UsageProblem` that names its variable."""
    try:
        return Settings(**overrides)  # pyrefly: ignore[bad-argument-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        said = first["msg"].removeprefix("Value error, ")
        raise UsageProblem(f"setting {name}: {said[0].lower()}{said[1:]}; see .env.example.") from None


def find_unknown() -> list[str]:
    """A line for each name in `.env` that is no setting: misspelt, it would be ignored without a word. The environment is not looked at; others use it too."""
    known = {name.upper() for name in Settings.model_fields} | {"AWS_DEFAULT_REGION"}
    lines = []
    for name in map(str.upper, DotEnvSettingsSource(Settings).env_vars):
        if name not in known:
            nearest = difflib.get_close_matches(name, known, 1)
            lines.append(
                f"{name} in .env is no setting and changes nothing; {f'did you mean {nearest[0]}?' if nearest else 'see .env.example.'}"
            )
    return lines


def export_environment(variables: Mapping[str, str]) -> None:
    """Hand `variables` to libraries and child processes that take their settings from the environment only (dbt, Dagster's CLI)."""
    os.environ.update(variables)
