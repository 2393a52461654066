"""How well the tiers at_risk and inactive foretell who withdraws: on OULAD, loaded halfway, against what the files say of the days after.

Belongs here: the comparison of published tiers with later withdrawals. Does not: loading (oulad), tiers (dbt), the words around the table (cli).

Asked of each student who is registered and has not withdrawn by the end of the middle day of the presentation; a withdrawal counts when its day is later.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import psycopg

from pipelines import publish
from pipelines.local import oulad
from pipelines.local.oulad_files import CLICKS, find_files
from pipelines.problem import Problem

AS_OF = datetime.combine(oulad.HALFWAY + timedelta(days=1), time(), UTC)
"""The end of the middle day: the instant that the published tiers must stand for."""

FLAGS = {"at_risk": ("at_risk",), "inactive": ("inactive",), "both": ("at_risk", "inactive")}
"""What is asked of the tiers: each alone, and both together (7 days or more without activity)."""

TRUTH = """
select s.code_module, t.tier, coalesce(s.left_on > a.through, false) as withdraws, count(*)
from pg_temp.student as s
cross join pg_temp.asked as a
left join analytics.student_engagement_tiers as t on t.student_id = s.student_id
where s.joined_on <= a.through and (s.left_on is null or s.left_on > a.through)
group by s.code_module, t.tier, withdraws
order by s.code_module"""


@dataclass(frozen=True)
class Foretold:
    """One module (or all of them) and one flag: counts of students. `hits` are flagged and withdrew later."""

    module: str
    flag: str
    students: int
    withdrew: int
    flagged: int
    hits: int

    @property
    def base_rate(self) -> float | None:
        """Share of all students who withdrew later: the precision of picking anybody. None without students."""
        return self.withdrew / self.students if self.students else None

    @property
    def precision(self) -> float | None:
        """Share of the flagged who withdrew later. None when nobody is flagged."""
        return self.hits / self.flagged if self.flagged else None

    @property
    def recall(self) -> float | None:
        """Share of those who withdrew later who were flagged. None when nobody withdrew."""
        return self.hits / self.withdrew if self.withdrew else None

    @property
    def lift(self) -> float | None:
        """Precision over base rate: 1 is no better than picking anybody. None where either has no value."""
        return self.precision / self.base_rate if self.precision is not None and self.base_rate else None


def foretell(source: psycopg.Connection, warehouse: psycopg.Connection, path: Path) -> list[Foretold]:
    """Each module's three flags, in order, then those of all modules together. Writes nothing.

    `source` and `warehouse` may be connections to one database. Raises Problem when the source is not loaded halfway from these files, or the tiers are
    published for another instant.
    """
    files = find_files(path)
    loaded = oulad.last_load(source)
    if loaded is None or loaded[0] != oulad.version_of(files, is_halfway=True):
        raise Problem(
            f"the source does not hold these files as of the middle of each presentation; run `creator-reports load oulad {path} --through middle`."
        )
    published = publish.published_as_of(warehouse)
    if published != AS_OF:
        stands = f"the tiers stand for {published:%Y-%m-%d %H:%M} UTC" if published else "no tiers are published"
        raise Problem(
            f"{stands}, not for the middle of the presentations; run `creator-reports run hourly --as-of {AS_OF:%Y-%m-%dT%H:%MZ}` in a new database."
        )
    try:
        oulad.read_files(warehouse, files, oulad.HALFWAY, is_halfway=True)
        warehouse.execute(Path(oulad.__file__).with_name("oulad_rows.sql").read_bytes())
        counts = warehouse.execute(TRUTH).fetchall()
    finally:
        warehouse.rollback()
    missing = sum(count for _, tier, _, count in counts if tier is None)
    if missing:
        raise Problem(
            f"{missing:,} students of the files have no published tier; run `creator-reports run hourly --as-of {AS_OF:%Y-%m-%dT%H:%MZ}` again."
        )
    return list(_count(counts))


def _count(counts: list[tuple[str, str, bool, int]]) -> Iterator[Foretold]:
    modules = {module: [row for row in counts if row[0] == module] for module, *_ in counts}
    for module, rows in (modules | {"all": counts}).items():
        for flag, tiers in FLAGS.items():
            yield Foretold(
                module,
                flag,
                students=sum(count for *_, count in rows),
                withdrew=sum(count for _, _, withdraws, count in rows if withdraws),
                flagged=sum(count for _, tier, _, count in rows if tier in tiers),
                hits=sum(count for _, tier, withdraws, count in rows if withdraws and tier in tiers),
            )


def has_whole_log(path: Path) -> bool:
    """Whether the folder holds the whole click log, so that activity is more than submissions."""
    return any(sheet is CLICKS and file.name == "studentVle.csv" for file, sheet in find_files(path).items())
