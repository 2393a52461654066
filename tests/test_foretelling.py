"""Tiers against later withdrawals: on files made by hand, with the answer counted by hand, and on the real ones where OULAD_PATH names them.

Belongs here: loading halfway through each presentation, `foretell`. Does not: the loader's other rules (test_oulad), tiers (test_models).
"""

from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import psycopg
import pyarrow.csv
import pyarrow.parquet
import pytest

from pipelines.local import oulad
from pipelines.local.foretelling import AS_OF, FLAGS, Foretold, foretell
from pipelines.local.world import World
from pipelines.problem import Problem
from tests.platform import Platform
from tests.program import Warm
from tests.test_oulad import AAA, CLICKS, REAL, fetch, load, needs_real_files, utc, write_files

INSTANT = AS_OF.isoformat()

# The middle of AAA 2013J is day 134. Last work on day 128 is 6.25 days before its end, day 127 is 7.25, day 120 is 14.25.
LATER = {
    "student": [
        *((*AAA, person, "Withdrawn") for person in (20, 21, 23, 24)),
        *((*AAA, person, "Pass") for person in (22, 25, 26)),
        (*AAA, 27, "Fail"),
    ],
    "student_registration": [
        (*AAA, 20, -10, 200),  # at work until the end of what is known, then gone: missed
        (*AAA, 21, -10, 135),  # at risk, and gone on the very next day
        (*AAA, 22, -10, None),  # at risk, and stays
        (*AAA, 23, -10, 134),  # gone on the middle day: nothing is left to foretell
        (*AAA, 24, -10, 150),  # inactive, and gone
        (*AAA, 25, 135, None),  # not there yet
        (*AAA, 26, -10, None),  # just not at risk
        (*AAA, 27, 129, 260),  # never at work, but new
    ],
    "student_assessment": [
        (1, 20, 134, False, 50),
        (1, 20, 190, False, 50),
        (1, 21, 127, False, 50),
        (1, 22, 121, False, 50),
        (1, 22, 140, False, 50),
        (1, 23, 100, False, 50),
        (1, 24, 120, False, 50),
        (1, 26, 128, False, 50),
    ],
}  # fmt: skip
COUNTED = [
    # Student 10 (last at work on day 20) passes, 12 (never) is withdrawn at the end.
    Foretold("AAA", "at_risk", students=8, withdrew=5, flagged=2, hits=1),
    Foretold("AAA", "inactive", students=8, withdrew=5, flagged=3, hits=2),
    Foretold("AAA", "both", students=8, withdrew=5, flagged=5, hits=3),
    Foretold("BBB", "at_risk", students=2, withdrew=0, flagged=0, hits=0),
    Foretold("BBB", "inactive", students=2, withdrew=0, flagged=2, hits=0),
    Foretold("BBB", "both", students=2, withdrew=0, flagged=2, hits=0),
    Foretold("all", "at_risk", students=10, withdrew=5, flagged=2, hits=1),
    Foretold("all", "inactive", students=10, withdrew=5, flagged=5, hits=2),
    Foretold("all", "both", students=10, withdrew=5, flagged=7, hits=3),
]


def ask(platform: Platform, path: Path) -> list[Foretold]:
    with psycopg.connect(platform.environment["DATABASE_URL"], options="-c timezone=UTC") as connection:
        return foretell(connection, connection, path)


def test_tiers_halfway_against_withdrawals_after_it(platform: Platform, tmp_path: Path) -> None:
    path = write_files(tmp_path / "oulad", **LATER)
    platform.succeed("init-db")
    with pytest.raises(Problem, match="--through middle"):
        ask(platform, path)
    platform.succeed("load", "oulad", str(path), "--through", "2014-02-12")
    with pytest.raises(Problem, match="--through middle"):
        ask(platform, path)
    platform.succeed("load", "oulad", str(path), "--through", "middle")
    refused = platform.run("foretell", str(path))
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert (
        f"no tiers are published, not for the middle of the presentations; run `creator-reports run hourly --as-of {AS_OF:%Y-%m-%dT%H:%MZ}`"
        in refused.stderr
    )
    platform.succeed("run", "hourly", "--as-of", INSTANT)
    assert ask(platform, path) == COUNTED
    printed = platform.succeed("foretell", str(path)).splitlines()
    assert printed[2].split() == ["AAA", "inactive", "8", "5", "62.5%", "3", "2", "66.7%", "40.0%", "1.07"]
    assert printed[5].split() == ["BBB", "inactive", "2", "0", "0.0%", "2", "0", "0.0%", "–", "–"]
    with pytest.raises(Problem, match="do"):
        ask(platform, write_files(tmp_path / "other"))
    platform.succeed("run", "hourly", "--as-of", (AS_OF + timedelta(hours=1)).isoformat())
    with pytest.raises(Problem, match="2025-02-13 01:00 UTC, not for the middle"):
        ask(platform, path)


def test_rates_without_a_denominator_are_none() -> None:
    nobody = Foretold("all", "both", students=0, withdrew=0, flagged=0, hits=0)
    assert (nobody.base_rate, nobody.precision, nobody.recall, nobody.lift) == (None, None, None, None)


def test_each_presentation_is_cut_at_its_own_middle(database_url: str, tmp_path: Path) -> None:
    path = write_files(
        tmp_path / "oulad",
        clicks=[*CLICKS, ("AAA", "2013J", 10, 71, 134, 1), ("AAA", "2013J", 10, 71, 135, 900)],
        student_assessment=[(4, 13, 120, False, 70), (4, 14, 121, False, 70)],
    )
    with psycopg.connect(database_url) as connection:
        load(connection, path)
        said: list[str] = []
        counts = {count.file: count for count in oulad.load(connection, path, None, said.append, is_halfway=True)}
        assert "with other base dates: it is replaced" in said[0]
        assert counts["studentVle_sample.csv"].rejected == {"after 2025-02-12": 1}
        # Day 5 of 268 and day 3 of 240, each counted from its own middle; the second attempt of student 14 is a repetition.
        assert fetch(connection, "select completed_at from app.quiz_attempts order by 1")[0] == (utc(2024, 10, 6, 18),)
        assert fetch(
            connection,
            "select min(submitted_at) from app.project_submissions join app.projects p on p.id = project_id where title like 'BBB%%'",
        ) == [(utc(2024, 10, 18, 18),)]
        assert fetch(connection, "select max(updated_at) from app.video_progress") == [(utc(2025, 2, 12, 12),)]
        before = fetch(connection, "select id, created_at, updated_at from app.students order by 1")
        oulad.load(connection, path, None, said.append, is_halfway=True)
        assert fetch(connection, "select id, created_at, updated_at from app.students order by 1") == before


def expect(path: Path) -> list[Foretold]:
    """The same table in plain Python, from the files and the loader's decisions."""

    def rows(name: str) -> list[dict]:
        return pyarrow.parquet.read_table(path / f"{name}.parquet").to_pylist()

    key = ("code_module", "code_presentation")
    length = {tuple(row[name] for name in key): row["module_presentation_length"] for row in rows("course")}
    presentation = {row["id_assessment"]: tuple(row[name] for name in key) for row in rows("assessment")}
    result = {(*(row[name] for name in key), row["id_student"]): row["final_result"] for row in rows("student")}
    signs: dict[tuple, set[int]] = defaultdict(set)
    for row in rows("student_assessment"):
        if not row["is_banked"]:
            signs[(*presentation[row["id_assessment"]], row["id_student"])].add(row["date_submitted"])
    for log in path.glob("studentVle_sample*.csv"):
        for row in pyarrow.csv.read_csv(log).to_pylist():
            signs[(*(row[name] for name in key), row["id_student"])].add(row["date"])
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in rows("student_registration"):
        course = (row[key[0]], row[key[1]])
        person, middle, left = (*course, row["id_student"]), length[course] // 2, row["date_unregistration"]
        seen = signs[person]
        known = [day for day in (row["date_registration"] or 0, left, *seen) if day is not None]
        if left is None and result[person] == "Withdrawn":
            left = length[course]
        if min(known) > middle or (left is not None and left <= middle):
            continue
        idle = middle - max((day for day in seen if day <= middle), default=min(known))
        tier = "inactive" if idle >= 14 else "at_risk" if idle >= 7 else "another"
        counts[row[key[0]], tier][left is not None] += 1
    modules = sorted({module for module, _ in counts})
    return [
        Foretold(
            name,
            flag,
            students=sum(sum(count) for (module, _), count in counts.items() if module in among),
            withdrew=sum(count[1] for (module, _), count in counts.items() if module in among),
            flagged=sum(sum(count) for (module, tier), count in counts.items() if module in among and tier in tiers),
            hits=sum(count[1] for (module, tier), count in counts.items() if module in among and tier in tiers),
        )
        for name, among in [*((module, {module}) for module in modules), ("all", set(modules))]
        for flag, tiers in FLAGS.items()
    ]


def test_the_plain_count_agrees_with_the_count_by_hand(tmp_path: Path) -> None:
    assert expect(write_files(tmp_path / "oulad", **LATER)) == COUNTED


@pytest.fixture
def another_platform(world: World, program: Warm, database_url: str, bucket: str, tmp_path: Path) -> Platform:
    """A platform beside the one that this file's other test has taken past the middle."""
    values = world.environment() | {"database_url": database_url, "s3_bucket": bucket}
    return Platform(tmp_path, {key.upper(): value for key, value in values.items()}, program)


@needs_real_files
def test_real_files_against_a_plain_count(another_platform: Platform) -> None:
    another_platform.succeed("load", "oulad", str(REAL), "--through", "middle")
    another_platform.succeed("run", "hourly", "--as-of", INSTANT)
    found = ask(another_platform, REAL)
    assert found == expect(REAL)
    assert found[-1] == Foretold("all", "both", students=24_599, withdrew=2_172, flagged=17_996, hits=1_879)
