"""What each student got through, handed in, unlocked and earned.

Belongs here: columns of student_engagement_tiers about progress and work. Does not: the tier (students), what is going wrong (risks).
"""

from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction
from typing import Any
from uuid import UUID

from tests.oracle.courses import days_taken, places_in_courses, videos_of_courses
from tests.oracle.ledger import Gain
from tests.oracle.moment import SUBMISSION, Moment
from tests.oracle.numbers import mean, rate

_BANDS = ((Fraction(51, 2), "0-25"), (Fraction(101, 2), "26-50"), (Fraction(151, 2), "51-75"))


def progress_band(watched: list[Gain]) -> str | None:
    """The band that the mean completion of the videos watched lies in."""
    if not watched:
        return None
    mean_completion = Fraction(sum(gain.completion_percentage for gain in watched), len(watched))
    return next((name for below, name in _BANDS if mean_completion < below), "76-100")


def last_video(moment: Moment, watched: list[Gain]) -> dict[str, Any]:
    """The video watched last."""
    newest = [gain.video_id for gain in watched if gain.observed_at == max(other.observed_at for other in watched)]
    video_id = min(newest, default=None)
    return {"last_video_id": video_id, "last_video_title": moment.videos[video_id]["title"] if video_id else None}


def completed_courses(moment: Moment) -> Mapping[UUID, dict[str, Any]]:
    """Per student how many courses were completed, and the mean of the days that they took where that is known."""
    count: dict[UUID, int] = defaultdict(int)
    days: dict[UUID, list[int]] = defaultdict(list)
    videos = videos_of_courses(moment)
    for (course_id, student_id), at in places_in_courses(moment).items():
        if {video_id for video_id, gain in at.items() if gain.is_completed} == videos[course_id]:
            count[student_id] += 1
            taken = days_taken(moment, student_id, videos[course_id])
            days[student_id] += [] if taken is None else [taken]
    return {
        student_id: {
            "completed_course_count": count[student_id],
            "avg_course_day_count": mean(sum(days[student_id]), len(days[student_id])),
        }
        for student_id in moment.students
    }


def course_progress_rates(moment: Moment, watched: Mapping[UUID, list[Gain]]) -> dict[UUID, Any]:
    """Per student the share of the creator's videos that was watched."""
    owned: dict[UUID, int] = defaultdict(int)
    for video in moment.videos.values():
        owned[video["creator_id"]] += 1
    return {student_id: rate(len(gains), owned[moment.students[student_id]["creator_id"]]) for student_id, gains in watched.items()}


def works(moment: Moment) -> Mapping[UUID, dict[str, Any]]:
    """Per student projects, achievements and points."""
    projects: dict[UUID, set[UUID]] = defaultdict(set)
    scores: dict[UUID, list[int]] = defaultdict(list)
    for deed in moment.deeds:
        if deed.kind == SUBMISSION:
            projects[deed.student_id].add(deed.row["project_id"])
            scores[deed.student_id] += [] if deed.row["score"] is None else [deed.row["score"]]
    points, unlocked = _points(moment), _unlocked(moment)
    return {
        student_id: {
            "submitted_project_count": len(projects[student_id]),
            "avg_project_score": mean(sum(scores[student_id]), len(scores[student_id])),
            "xp_30d_points": points[student_id],
            "achievement_count": unlocked[student_id],
        }
        for student_id in moment.students
    }


def _points(moment: Moment) -> Mapping[UUID, int]:
    """Points of the last 30 local days."""
    total: dict[UUID, int] = defaultdict(int)
    for row in moment.mirror.all("xp_transactions"):
        student = moment.students.get(row["student_id"])
        ago = moment.days_ago(student["creator_id"], row["created_at"]) if student else None
        if ago is not None and ago < 30 and row["created_at"] <= moment.as_of:
            total[row["student_id"]] += row["xp_amount"]
    return total


def _unlocked(moment: Moment) -> Mapping[UUID, int]:
    total: dict[UUID, int] = defaultdict(int)
    for row in moment.mirror.all("student_achievements"):
        total[row["student_id"]] += row["unlocked_at"] <= moment.as_of
    return total
