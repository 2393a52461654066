"""What is known of each video from the students who watch it.

Belongs here: video_analytics. Does not: videos of a creator together (overview).
"""

from collections import defaultdict
from typing import Any
from uuid import UUID

from tests.oracle.ledger import Gain
from tests.oracle.moment import Moment
from tests.oracle.numbers import mean, median, rate


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


def video_analytics(moment: Moment) -> dict[tuple, dict[str, Any]]:
    """One row per video."""
    views, rows = _views(moment), {}
    for video_id, viewers in viewers_of(moment).items():
        video = moment.videos[video_id]
        today = moment.zones.today(video["creator_id"], moment.as_of)
        rows[(video_id,)] = {
            **{name: video[name] for name in ("creator_id", "course_id", "title", "category", "duration_seconds")},
            "view_count": len(views[video_id]),
            "view_7d_count": sum((today - on).days < 7 for _, on in views[video_id]),
            **_of_viewers(viewers),
        }
    return rows


def _of_viewers(viewers: list[Gain]) -> dict[str, Any]:
    count, finished = len(viewers), sum(gain.is_completed for gain in viewers)
    unfinished = [gain for gain in viewers if not gain.is_completed]
    needs_attention = count >= 10 and 10 * finished < 3 * count
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
        "needs_attention": needs_attention,
        "attention_reason": f"{finished} of {count} viewers finished the video, under 30%" if needs_attention else None,
    }
