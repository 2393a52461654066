"""What is known of each video from the students who watch it, and from what they ask.

Belongs here: video_analytics, video_viewer_tiers. Does not: videos of a creator together (overview).
"""

from collections import Counter, defaultdict
from typing import Any
from uuid import UUID

from tests.oracle.ledger import Gain
from tests.oracle.moment import Moment
from tests.oracle.numbers import mean, median, rate
from tests.oracle.questions import Question, within
from tests.oracle.references import questions_by_video
from tests.oracle.students import Student, tier_of


def viewers_of(moment: Moment) -> dict[UUID, list[Gain]]:
    """Per video where its viewers stand: students of the same creator with watch time or completion."""
    found: dict[UUID, list[Gain]] = {video_id: [] for video_id in moment.videos}
    for (_, video_id), gain in moment.standing.items():
        if gain.is_watched:
            found[video_id].append(gain)
    return found


def _views(moment: Moment) -> dict[UUID, set[tuple]]:
    """Per video the pairs of student and local day with a ledger row."""
    found: dict[UUID, set[tuple]] = defaultdict(set)
    for gain in moment.gains:
        found[gain.video_id].add((gain.student_id, moment.day(gain.creator_id, gain.observed_at)))
    return found


def video_analytics(moment: Moment, questions: list[Question]) -> dict[tuple, dict[str, Any]]:
    """One row per video."""
    views, rows = _views(moment), {}
    asked = questions_by_video(moment, ((question.creator_id, question.place) for question in questions if within(moment, question, 90)))
    for video_id, viewers in viewers_of(moment).items():
        video = moment.videos[video_id]
        today = moment.zones.today(video["creator_id"], moment.as_of)
        rows[(video_id,)] = {
            **{name: video[name] for name in ("creator_id", "course_id", "title", "category", "duration_seconds")},
            "view_count": len(views[video_id]),
            "view_7d_count": sum((today - on).days < 7 for _, on in views[video_id]),
            **_of_viewers(viewers),
            **_attention(viewers, asked[video_id]),
        }
    return rows


def _of_viewers(viewers: list[Gain]) -> dict[str, Any]:
    count, finished = len(viewers), sum(gain.is_completed for gain in viewers)
    unfinished = [gain for gain in viewers if not gain.is_completed]
    return {
        "viewer_count": count,
        "avg_completion_rate": rate(sum(gain.completion_percentage for gain in viewers), 100 * count),
        "avg_watch_seconds": mean(sum(gain.watch_seconds for gain in viewers), count),
        "completion_count": finished,
        "completion_rate": rate(finished, count),
        "high_engagement_count": sum(gain.completion_percentage >= 75 for gain in viewers),
        "low_engagement_count": sum(gain.completion_percentage < 25 for gain in viewers),
        "avg_drop_off_rate": rate(sum(gain.completion_percentage for gain in unfinished), 100 * len(unfinished)),
        "drop_off_second": median([gain.last_position_seconds for gain in unfinished]),
        "last_viewed_at": max((gain.observed_at for gain in viewers), default=None),
        "retention_rates": [rate(sum(gain.best_completion_percentage >= step for gain in viewers), count) for step in range(5, 101, 5)]
        if viewers
        else None,
    }


def _attention(viewers: list[Gain], asked: int) -> dict[str, Any]:
    count, finished, reasons = len(viewers), sum(gain.is_completed for gain in viewers), []
    if count >= 10 and 10 * finished < 3 * count:
        reasons.append(f"{finished:,} of {count:,} viewers finished the video, under 30%")
    if asked >= 5:
        reasons.append(f"{asked:,} questions in 90 days are about it")
    return {"related_question_count": asked, "needs_attention": bool(reasons), "attention_reason": "; ".join(reasons) or None}


def video_viewer_tiers(moment: Moment, students: dict[UUID, Student]) -> dict[tuple, dict[str, Any]]:
    """One row per video and tier that a viewer is in."""
    counts = Counter(
        (video_id, tier_of(students[gain.student_id], moment.as_of)) for video_id, viewers in viewers_of(moment).items() for gain in viewers
    )
    return {key: {"creator_id": moment.videos[key[0]]["creator_id"], "viewer_count": count} for key, count in counts.items()}
