"""The places in videos that answers point at, and so what questions are about.

Belongs here: reading references, the video of a group of questions, questions by video. Does not: what a question is (questions).
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from tests.oracle.moment import Moment

_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DAY = 86_400

Reference = tuple[UUID, int | None]
"""Video and second."""


def best_place(references: Any) -> Reference | None:
    """The most relevant of the references that name a video, then the first."""
    if not isinstance(references, list | tuple):
        return None
    named = [entry for entry in references if isinstance(entry, dict) and _ID.fullmatch(str(entry.get("video_id")))]
    if not named:
        return None
    best = max(named, key=lambda entry: _number(entry.get("relevance_score"), float("-inf")))
    second = _number(best.get("timestamp"), -1)
    return UUID(best["video_id"]), int(second) if 0 <= second <= _DAY else None


def _number(value: Any, otherwise: float) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else otherwise


def related_video(moment: Moment, creator_id: UUID, places: Iterable[Reference | None]) -> dict[str, Any]:
    """The video that most of the places are in, of those that the creator has, and its second named most."""
    found = [place for place in places if place and _is_own(moment, creator_id, place)]
    videos = Counter(video_id for video_id, _ in found)
    video_id = min(videos, key=lambda each: (-videos[each], each), default=None)
    seconds = Counter(second for video, second in found if video == video_id and second is not None)
    return {
        "related_video_id": video_id,
        "related_video_title": moment.videos[video_id]["title"] if video_id else None,
        "related_video_second": min(seconds, key=lambda each: (-seconds[each], each), default=None),
    }


def _is_own(moment: Moment, creator_id: UUID, place: Reference) -> bool:
    video = moment.videos.get(place[0])
    return video is not None and video["creator_id"] == creator_id


def questions_by_video(moment: Moment, asked: Iterable[tuple[UUID, Reference | None]]) -> Counter[UUID]:
    """Of questions, given as creator and place, how many are about each video."""
    return Counter(place[0] for creator_id, place in asked if place and _is_own(moment, creator_id, place))
