"""Engagement tiers: how many students stand where, beside a week ago."""

from collections import Counter
from dataclasses import dataclass

import pyarrow.compute as pc
from markupsafe import Markup

from reports.charts import draw_beside
from reports.reading import Reading
from reports.wording import say_count, say_many, say_rate

# name in the marts, name on the page, the rule in words; the order of the page is from best to worst
_TIERS = (
    ("highly_engaged", "Highly engaged", "10 videos or more, 75% seen on average"),
    ("engaged", "Engaged", "5 videos or more"),
    ("moderate", "Moderate", "under 5 videos so far"),
    ("low_engagement", "Low engagement", "under 3 videos a week after joining"),
    ("at_risk", "At risk", "quiet for 7 to 14 days"),
    ("inactive", "Inactive", "quiet for longer"),
)


@dataclass(frozen=True)
class Tier:
    """One row of the chart; `bar` is drawn against the largest tier, `share` is of all students, `before` is the count of a week ago."""

    name: str
    rule: str
    count: str
    share: str
    before: str | None
    bar: Markup
    is_at_risk: bool


@dataclass(frozen=True)
class Tiers:
    """`summary` is the text alternative of the bars; `done` tells of those at risk a week ago whom the number that leads the page leaves out."""

    tiers: list[Tier]
    has_before: bool
    summary: str | None
    empty: str | None
    done: str | None = None


def build(reading: Reading) -> Tiers:
    """The section from the counts in `creator_overview`; without it, from `student_engagement_tiers`."""
    counts = _counts(reading)
    total = sum(counts.values())
    if not total:
        name = "student_engagement_tiers" if reading.overview is None else "creator_overview"
        return Tiers([], False, None, reading.absence(name, "the students' tiers", "No students yet.") or "No students yet.")
    before = reading.tiers_a_week_ago
    largest = max([*counts.values(), *(before or Counter()).values()])
    tiers = [
        Tier(
            label, rule, say_count(counts[key]), say_rate(counts[key] / total), None if before is None else say_count(before[key]),
            draw_beside(counts[key] / largest, None if before is None else before[key] / largest), key == "at_risk",
        )
        for key, label, rule in _TIERS
    ]  # fmt: skip
    was = (f", {tier.before} a week ago" if tier.before else "" for tier in tiers)
    parts = "; ".join(f"{tier.name.lower()} {tier.count} ({tier.share}{ago})" for tier, ago in zip(tiers, was, strict=True))
    return Tiers(tiers, before is not None, f"Of {say_many(total, 'student')}: {parts}.", None, _done(reading))


def _done(reading: Reading) -> str | None:
    before, slipping = reading.tiers_a_week_ago, reading.slipping_a_week_ago
    if before is None or slipping is None or before["at_risk"] == slipping:
        return None
    done = before["at_risk"] - slipping
    return f"{say_count(done)} of the {say_count(before['at_risk'])} at risk a week ago {'has' if done == 1 else 'have'} completed every video by now."


def _counts(reading: Reading) -> dict[str, int]:
    if reading.overview is not None:
        return {key: reading.overview[f"{key}_count"] or 0 for key, _, _ in _TIERS}
    table = reading.table("student_engagement_tiers")
    found = {row["values"]: row["counts"] for row in pc.value_counts(table["tier"]).to_pylist()} if table else {}
    return {key: found.get(key, 0) for key, _, _ in _TIERS}
