"""What a creator's videos are about.

Belongs here: content_topics. Does not: single videos (videos).
"""

from collections import defaultdict
from typing import Any
from uuid import UUID

from tests.oracle.moment import Moment
from tests.oracle.numbers import rate
from tests.oracle.videos import viewers_of


def _name(typed: str | None) -> str:
    """What is typed without white space around it, cut to 200 characters; nothing where nothing is left."""
    return (typed or "").strip(" \t\r\n")[:200]


def content_topics(moment: Moment) -> dict[tuple, dict[str, Any]]:
    """One row per creator, kind and topic."""
    about: dict[tuple, set[UUID]] = defaultdict(set)
    for video_id, video in moment.videos.items():
        named = [("category", _name(video["category"])), *(("tag", _name(tag)) for tag in video["tags"] or ())]
        for kind, topic in named:
            if topic:
                about[video["creator_id"], kind, topic].add(video_id)
    viewers, rows = viewers_of(moment), {}
    for key, videos in about.items():
        pairs = [gain for video_id in videos for gain in viewers[video_id]]
        rows[key] = {
            "video_count": len(videos),
            "student_video_count": len(pairs),
            "avg_completion_rate": rate(sum(gain.completion_percentage for gain in pairs), 100 * len(pairs)),
        }
    return rows
