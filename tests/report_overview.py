"""The overview of a made-up school: every figure counted from the other marts of the same document.

Belongs here: `creator_overview`. Does not: the marts that it counts (report_school.py).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from tests.report_rows import TODAY
from tests.report_school import School

_TIERS = ("inactive", "at_risk", "low_engagement", "highly_engaged", "engaged", "moderate")


def overview(
    school: School,
    company: str,
    people: Sequence[Mapping[str, Any]],
    clips: Sequence[Mapping[str, Any]],
    asked: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """The creator's row; `people` and `clips` are the rows of the document, which may differ from what the school gave."""
    zone, total = school.zone, len(people)
    seen = [(TODAY - one["last_active_at"].astimezone(zone).date()).days if one["last_active_at"] else 999 for one in people]
    joined = [(TODAY - one["joined_at"].astimezone(zone).date()).days for one in people]
    before = [
        (back >= 30 and back < 60) or any(30 <= day < 60 for day in one.learned) for back, one in zip(seen, school.known, strict=True)
    ]
    gone = sum(was and back >= 30 for was, back in zip(before, seen, strict=True))
    active, tiers = sum(back < 30 for back in seen), Counter(one["tier"] for one in people)
    return {
        "creator_id": school.creator, "company_name": company, "current_plan": "enterprise", "plan_expires_at": None, "timezone": zone.key,
        "today_on": TODAY, "student_count": total, "active_7d_count": sum(back < 7 for back in seen), "active_30d_count": active,
        "active_30d_rate": _share(active, total), "new_30d_count": sum(back < 30 for back in joined),
        "new_prior_30d_count": sum(30 <= back < 60 for back in joined), "active_prior_30d_count": sum(before),
        "churn_30d_rate": _share(gone, sum(before)), **{f"{tier}_count": tiers[tier] for tier in _TIERS},
        "video_count": len(clips), "processed_video_count": len(clips), "total_duration_seconds": sum(clip["duration_seconds"] for clip in clips),
        "watched_video_count": sum(clip["viewer_count"] > 0 for clip in clips), "completion_count": sum(clip["completion_count"] for clip in clips),
        "watch_seconds": sum(student["watch_seconds"] for student in people), "avg_completion_rate": _mean(clips, "viewer_count", "avg_completion_rate"),
        **_support(asked), **_quizzes(school), **_days(school), "has_metadata": False,
    }  # fmt: skip


def _quizzes(school: School) -> dict[str, Any]:
    rows = school.quizzes()[0] if school.known else []
    rate = _mean(rows, "attempt_count", "pass_rate")
    counts = {"quiz_count": len(rows), "quiz_attempt_count": sum(row["attempt_count"] for row in rows)}
    return counts | {"quiz_pass_rate": rate, "avg_quiz_score": _mean(rows, "attempt_count", "avg_score")}


def _support(asked: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    count = sum(row["ask_count"] for row in asked)
    return {"question_count": count, "answer_count": count, "satisfaction_rate": _mean(asked, "ask_count", "satisfaction_rate")}


def _days(school: School) -> dict[str, Any]:
    """What happened in 30 days, today included, against the 30 before."""
    rows = {row["activity_on"]: row for row in school.days()}
    now, before = ([rows[TODAY - timedelta(days=back)] for back in range(start, start + 30)] for start in (0, 30))
    learners, seconds, done = (sum(row[name] for row in now) for name in ("active_student_count", "watch_seconds", "completion_count"))
    hours: Counter[int] = Counter()
    for row in school.hours():
        hours[row["hour_no"]] += row["student_hour_count"]
    peak, most = min(hours.items(), key=lambda item: (-item[1], item[0]))
    return {
        "active_day_30d_count": sum(row["active_student_count"] > 0 for row in now), "avg_daily_active_30d": round(learners / 30, 2),
        "avg_active_minutes_30d": round(seconds / learners / 60, 1) if learners else None, "peak_hour_no": peak if most else None,
        "peak_hour_rate": _share(most, sum(hours.values())), "completion_30d_count": done, "watch_30d_seconds": seconds,
        "completion_30d_change": _change(done, sum(row["completion_count"] for row in before)),
        "watch_30d_change": _change(seconds, sum(row["watch_seconds"] for row in before)),
    }  # fmt: skip


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _change(now: int, before: int) -> float | None:
    return round((now - before) / before, 4) if before else None


def _mean(rows: Sequence[Mapping[str, Any]], weight: str, value: str) -> float | None:
    known = [(row[weight], row[value]) for row in rows if row[value] is not None]
    whole = sum(one for one, _ in known)
    return round(sum(one * other for one, other in known) / whole, 4) if whole else None
