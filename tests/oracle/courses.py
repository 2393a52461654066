"""How students get through courses.

Belongs here: the videos of courses, how long a course took, course_progress. Does not: single videos (videos), a student's stage (students).
"""

from collections import defaultdict
from typing import Any
from uuid import UUID

from tests.oracle.ledger import Gain
from tests.oracle.moment import Moment
from tests.oracle.numbers import median, rate


def videos_of_courses(moment: Moment) -> dict[UUID, set[UUID]]:
    """Per course its videos; courses without any are empty."""
    found: dict[UUID, set[UUID]] = {course_id: set() for course_id in moment.courses}
    for video_id, video in moment.videos.items():
        course = moment.courses.get(video["course_id"])
        if course and course["creator_id"] == video["creator_id"]:
            found[video["course_id"]].add(video_id)
    return found


def places_in_courses(moment: Moment) -> dict[tuple[UUID, UUID], dict[UUID, Gain]]:
    """Per course and student where the student stands in each of its videos that were watched."""
    found: dict[tuple[UUID, UUID], dict[UUID, Gain]] = defaultdict(dict)
    course_of = {video_id: course_id for course_id, videos in videos_of_courses(moment).items() for video_id in videos}
    for (student_id, video_id), gain in moment.standing.items():
        if gain.is_watched and video_id in course_of:
            found[course_of[video_id], student_id][video_id] = gain
    return found


def days_taken(moment: Moment, student_id: UUID, videos: set[UUID]) -> int | None:
    """Local days from the first watching to the last finishing; None where the first run found one of these."""
    rows = [gain for video_id in videos for gain in moment.ledger.gains[student_id, video_id] if gain.observed_at <= moment.as_of]
    starts = [gain for gain in rows if gain.is_first_view]
    ends = [[gain for gain in rows if gain.video_id == video_id and gain.is_completed_now] for video_id in videos]
    if any(gain.is_opening for gain in [*starts, *(gain for group in ends for gain in group)]):
        return None
    creator_id = rows[0].creator_id
    last = max(min(gain.observed_at for gain in group) for group in ends)
    return (moment.day(creator_id, last) - moment.day(creator_id, min(gain.observed_at for gain in starts))).days


def days_of_completions(moment: Moment) -> dict[UUID, list[int]]:
    """Per course how long each student took who completed it, where that is known."""
    found: dict[UUID, list[int]] = defaultdict(list)
    videos = videos_of_courses(moment)
    for (course_id, student_id), at in places_in_courses(moment).items():
        if sum(gain.is_completed for gain in at.values()) == len(videos[course_id]):
            days = days_taken(moment, student_id, videos[course_id])
            found[course_id] += [] if days is None else [days]
    return found


def course_progress(moment: Moment) -> dict[tuple, dict[str, Any]]:
    """One row per course."""
    places, rows = places_in_courses(moment), {}
    for course_id, videos in videos_of_courses(moment).items():
        course = moment.courses[course_id]
        started = {student_id: at for (of, student_id), at in places.items() if of == course_id}
        completed = [student_id for student_id, at in started.items() if sum(gain.is_completed for gain in at.values()) == len(videos)]
        days = [days for student_id in completed if (days := days_taken(moment, student_id, videos)) is not None]
        total = sum(gain.completion_percentage for at in started.values() for gain in at.values())
        rows[(course_id,)] = {
            **{name: course[name] for name in ("creator_id", "title", "is_active")},
            "video_count": len(videos),
            "student_count": sum(student["creator_id"] == course["creator_id"] for student in moment.students.values()),
            "started_count": len(started),
            "completed_count": len(completed),
            "avg_progress_rate": rate(total, 100 * len(started) * len(videos)),
            "completion_rate": rate(len(completed), len(started)),
            "median_day_count": median(days),
        }
    return rows
