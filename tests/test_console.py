"""How lengths of time and addresses read in the terminal."""

from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console

from pipelines import console
from pipelines.local import dev
from pipelines.problem import in_words
from pipelines.settings import Settings


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(0), "0 seconds"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(hours=24), "1 day"),
        (timedelta(days=8), "8 days"),
        (timedelta(days=7, seconds=1), "604,801 seconds"),
    ],
)
def test_a_length_of_time_is_said_in_its_largest_whole_unit(length: timedelta, words: str) -> None:
    assert in_words(length) == words


def test_addresses_are_shown_whole(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(console, "OUT", Console(highlight=False, width=240))
    place = {
        "s3_endpoint_url": "https://store.example:9000",
        "s3_bucket": "creator-reports",
        "ledger_bucket": "creator-reports-ledger-2026",
    }
    settings = Settings(_env_file=None, database_url="postgresql://db.example/x", **place)  # pyrefly: ignore
    dev._print_addresses(settings, 3000, Path("/var/lib") / ("long" * 20))
    shown = capsys.readouterr().out
    assert "https://store.example:9000 (buckets creator-reports and creator-reports-ledger-2026)" in shown
    assert "long" * 20 in shown
    assert "…" not in shown
