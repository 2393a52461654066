"""What the terminal shows: progress of a run, and tables. Does not: decide anything."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from pipelines.checkup import CheckOutcome
    from pipelines.links import FileLink

OUT = Console(highlight=False, width=None if sys.stdout.isatty() else 240)
"""Results go to standard output; a pipe gets whole lines."""

PROGRESS = Console(stderr=True, highlight=False)
"""Progress goes to standard error, so that a result can be piped."""


def say(line: str) -> None:
    """A line of progress."""
    PROGRESS.print(Text(line), soft_wrap=True)


class RunDisplay:
    """One line per message of a step, and a spinner that names the step under way (on a terminal only)."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._status = PROGRESS.status(title)

    @contextmanager
    def shown(self) -> Iterator[RunDisplay]:
        """Show the display until the block ends."""
        with self._status:
            yield self

    def write(self, step: str, line: str, record: logging.LogRecord) -> None:
        """Take one log record of Dagster."""
        event = getattr(record, "dagster_meta", {}).get("dagster_event")
        if event is not None:
            if event.is_step_start:
                self._status.update(f"{self._title}: {step} …")
            return  # Dagster's own events are in its UI; here they would bury the lines that matter
        if record.levelno >= logging.INFO:
            colour = "red" if record.levelno >= logging.ERROR else "yellow" if record.levelno >= logging.WARNING else ""
            PROGRESS.print(
                Text(f"{datetime.fromtimestamp(record.created, UTC):%H:%M:%S}  {self._title:7} {step:14} "),
                Text(line, style=colour),
                sep="",
                soft_wrap=True,
            )


def show_table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = (), is_whole: bool = False) -> None:
    """A plain table; `right` names the columns of numbers. What is long is cut, unless `is_whole`: addresses are there to be copied."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left", overflow="fold", max_width=None if is_whole else 60)
    for row in rows:
        table.add_row(*(Text(str(value) if is_whole else _cell(value)) for value in row))
    OUT.print(table)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, int):
        return f"{value:,}"
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in str(value)).split())
    return text if len(text) <= 60 else f"{text[:59]}…"


def size(byte_count: int) -> str:
    """A file's size for people: 812 B, 14.2 kB, 3.1 MB."""
    number = float(byte_count)
    for unit in ("B", "kB", "MB"):
        if number < 1000 or unit == "MB":
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    raise AssertionError("the loop always returns")


def show_links(links: Sequence[FileLink]) -> None:
    """A table of files, then each link whole on a line of its own."""
    called = Counter(name for name, _ in {(link.creator, link.creator_id) for link in links})
    names = [f"{link.creator} ({link.creator_id[:8]})" if called[link.creator] > 1 else link.creator for link in links]
    rows = [(name, link.report, link.format, link.rows, size(link.bytes), link.expires_at) for name, link in zip(names, links, strict=True)]
    show_table(["creator", "report", "format", "rows", "size", "expires"], rows, right=["rows", "size"])
    OUT.print()
    for name, link in zip(names, links, strict=True):
        if len(links) > 1:
            OUT.print(Text(f"{name}, {link.report}.{link.format}", style="dim"), soft_wrap=True)
        OUT.print(Text(link.url), soft_wrap=True)


def show_checks(outcomes: Sequence[CheckOutcome]) -> None:
    """One line per check, the broken ones last so that they are in sight."""
    for outcome in sorted(outcomes, key=lambda item: (not item.passed, item.where, item.name)):
        mark, style = ("ok", "green") if outcome.passed else ("FAIL", "bold red") if outcome.severity == "error" else ("warn", "yellow")
        OUT.print(
            Text(f"{mark:5}", style=style),
            Text(f"{outcome.where}: {outcome.name}", style="" if outcome.passed else "bold"),
            sep="",
            soft_wrap=True,
        )
        if not outcome.passed:
            rows = f" ({outcome.failing_rows:,} rows)" if outcome.failing_rows else ""
            samples = f" For example: {', '.join(outcome.samples[:5])}." if outcome.samples else ""
            OUT.print(Text(f"     {outcome.because}{rows}.{samples}".replace("..", ".")), soft_wrap=True)
    held = sum(outcome.passed for outcome in outcomes)
    OUT.print(f"{held} of {len(outcomes)} checks hold.")
