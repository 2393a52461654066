"""Settings: `.env.example` and the class say the same; wrong values are told in one line."""

import subprocess
from pathlib import Path

import pytest

from pipelines.problem import UsageProblem
from pipelines.settings import ROOT, Settings, load_settings
from tests.program import PROGRAM


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
        ("DASHBOARD_URL", "app.example"),
        ("DASHBOARD_URL", "javascript:alert(1)"),
        ("DASHBOARD_URL", "https://app.example/my reports"),
        ("DAGSTER_HOME", str(ROOT / "README.md")),
        ("LOCAL_DIR", str(ROOT / "README.md" / "below")),
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


def test_a_page_of_the_app_may_have_a_path_and_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    for page in ("https://app.example", "http://localhost:3000/reports?tab=1#top"):
        monkeypatch.setenv("DASHBOARD_URL", page)
        assert load_settings().dashboard_url == page


def test_names_in_the_file_that_are_no_settings_are_told_once_per_command(tmp_path: Path) -> None:
    names = [
        "ALERT_URL=json://127.0.0.1",
        "export aws_default_region=eu-west-1",
        "link_hours=2",
        "# NOTHING=1",
        "COMPOSE_FILE",
        "MAIL_FROM=a@b.example",
    ]
    (tmp_path / ".env").write_text("\n".join(names))
    environment = {"LOCAL_DIR": str(tmp_path / "local"), "ALERT_ULRS": "the environment holds what others need"}
    done = subprocess.run([PROGRAM, "status"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        "creator-reports: ALERT_URL in .env is no setting and changes nothing; did you mean ALERT_URLS?",
        "creator-reports: COMPOSE_FILE in .env is no setting and changes nothing; see .env.example.",
    ]


def test_a_file_where_the_default_folder_would_be_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".local").touch()
    with pytest.raises(UsageProblem, match=r"^setting LOCAL_DIR: \.local is a file, no folder; see \.env\.example"):
        load_settings()
