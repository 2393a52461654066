"""Settings: `.env.example` and the class say the same; wrong values are told in one line."""

import pytest

from pipelines.problem import UsageProblem
from pipelines.settings import ROOT, Settings, load_settings


def _documented() -> dict[str, str]:
    """Variable -> the sentence above it in `.env.example`."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    return {
        line[2:].split("=")[0]: lines[number - 1][2:]
        for number, line in enumerate(lines)
        if line.startswith("# ") and "=" in line.split(" ")[1]
    }


def test_the_example_lists_every_setting_with_its_sentence() -> None:
    declared = {name.upper(): field.description for name, field in Settings.model_fields.items()}
    assert _documented() == declared


def test_defaults_in_the_example_are_the_defaults() -> None:
    shown = dict(
        line[2:].split("=", 1)
        for line in (ROOT / ".env.example").read_text().splitlines()
        if line.startswith("# ") and "=" in line.split(" ")[1]
    )
    for name, field in Settings.model_fields.items():
        if field.default is not None:
            assert shown[name.upper()] == str(field.default), name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LINK_HOURS", "0"),
        ("LINK_HOURS", "169"),
        ("LINK_HOURS", "soon"),
        ("FIRST_DAY", "yesterday"),
        ("S3_ENDPOINT_URL", "notaurl"),
        ("S3_ENDPOINT_URL", "http://bad host"),
        ("S3_ENDPOINT_URL", "ftp://x"),
        ("MAIL_FROM", "foo"),
        ("MAIL_FROM", "foo@"),
    ],
)
def test_a_wrong_value_names_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageProblem, match=rf"setting {name}: .*\.env\.example"):
        load_settings()


def test_secrets_do_not_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://someone:hunter2@db.example/reports")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter3")
    assert "hunter" not in repr(load_settings())


def test_either_region_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert load_settings().aws_region == "eu-central-1"
