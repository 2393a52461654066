"""The pages of the app: each function of `analytics` against plain Python over the published rows, within what row security shows."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import groupby, product
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg.rows import dict_row

from pipelines import pages, warehouse
from pipelines.local import demo
from pipelines.local.world import World
from tests.oracle.warm import Warm, warm_database

AS_OF = datetime(2026, 3, 1, 12, tzinfo=UTC)
BANDS = ("0-25", "26-50", "51-75", "76-100")
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def warm(world: World) -> Iterator[Warm]:
    with warm_database(world) as found:
        with warehouse.connect(found.settings) as connection:
            demo.load(connection, demo.DemoPlan(3, 260, 1, 120, AS_OF, largest_share=0.7), str)
        found.run(AS_OF, is_nightly=True)
        yield found


@pytest.fixture(scope="module")
def creator(warm: Warm) -> UUID:
    """The creator with the most students."""
    return warm.fetch("select creator_id from analytics.creator_overview order by student_count desc limit 1")[0]["creator_id"]


def _ask(warm: Warm, query: str, *values: Any, role: str = "bi_reader", creator: UUID | None = None) -> Rows:
    with warehouse.connect(warm.settings) as connection:
        warehouse.set_role(connection, role)
        connection.execute("select set_config('ops.render_creator', %s, true)", (str(creator or ""),))
        return connection.cursor(row_factory=dict_row).execute(query.encode(), values).fetchall()


def _students(warm: Warm, creator: UUID) -> Rows:
    return _ask(warm, "select * from analytics.student_engagement_tiers where creator_id = %s", creator)


def _ids(rows: Rows) -> list[UUID]:
    return [row["student_id"] for row in rows]


def _page(warm: Warm, creator: UUID, **asked: Any) -> Rows:
    given = "".join(f", {name} => %s" for name in asked)
    return _ask(warm, f"select * from analytics.students_page(%s{given})", creator, *asked.values())


def test_the_overview_is_one_row(warm: Warm, creator: UUID) -> None:
    (row,) = _ask(warm, "select * from analytics.overview(%s)", creator)
    assert row["student_count"] == len(_students(warm, creator)) > 100


@pytest.mark.parametrize("status", [None, "active", "at-risk", "inactive"])
def test_students_are_filtered_by_status_tier_band_and_last_active(warm: Warm, creator: UUID, status: str | None) -> None:
    (overview,) = _ask(warm, "select * from analytics.overview(%s)", creator)
    zone, students = ZoneInfo(overview["timezone"]), _students(warm, creator)

    def began(days: int) -> datetime:
        return datetime.combine(overview["today_on"] - timedelta(days=days), time(), zone)

    recent = {
        "today": lambda at: at >= began(0),
        "7d": lambda at: at >= began(6),
        "30d": lambda at: at >= began(29),
        "older": lambda at: at < began(29),
    }
    found = 0
    for of_tier, band, last_active in product((None, "engaged", "at_risk"), (None, 1, 2, 3, 4), (None, *recent)):
        expected = {
            row["student_id"]
            for row in students
            if status in (None, row["status_filter"])
            and of_tier in (None, row["tier"])
            and (band is None or row["progress_band"] == BANDS[band - 1])
            and (last_active is None or (row["last_active_at"] is not None and recent[last_active](row["last_active_at"])))
        }
        rows: Rows = []
        for page in range(1, 9):
            rows += _page(warm, creator, status=status, of_tier=of_tier, band=band, last_active=last_active, page=page)
        assert len(rows) == len(expected) and set(_ids(rows)) == expected, (of_tier, band, last_active)
        found += len(rows)
    assert found


def test_who_is_rounded_to_a_bound_is_in_the_band_of_the_exact_mean(warm: Warm, creator: UUID) -> None:
    students = _students(warm, creator)[:6]
    placed = list(product((0.255, 0.505, 0.755), (0, 1)))
    with warehouse.connect(warm.settings) as connection:
        warehouse.set_role(connection, "publisher")
        connection.execute("update analytics.student_engagement_tiers set progress_band = null, avg_completion_rate = null")
        for number, (student, (rate, up)) in enumerate(zip(students, placed, strict=True)):
            connection.execute(
                "update analytics.student_engagement_tiers set avg_completion_rate = %s, progress_band = %s where student_id = %s",
                (rate, BANDS[number // 2 + up], student["student_id"]),
            )
        warehouse.set_role(connection, "bi_reader")
        for band, name in enumerate(BANDS, start=1):
            found = connection.execute("select student_id from analytics.students_page(%s, band => %s)", (creator, band)).fetchall()
            expected = {student["student_id"] for number, student in enumerate(students) if BANDS[number // 2 + placed[number][1]] == name}
            assert {student_id for (student_id,) in found} == expected and expected
        connection.rollback()


@pytest.mark.parametrize(
    ("sort_by", "column", "is_down"),
    [
        ("name", "name", False),
        ("progress", "avg_completion_rate", True),
        ("last_active", "last_active_at", True),
        ("xp", "xp_points", True),
    ],
)
def test_students_are_sorted_and_paged(warm: Warm, creator: UUID, sort_by: str, column: str, is_down: bool) -> None:
    pages_of = [_page(warm, creator, sort_by=sort_by, page=page) for page in range(1, 6)]
    rows = [row for page in pages_of for row in page]
    assert [len(page) for page in pages_of][:3] == [50, 50, 50]
    assert sorted(_ids(rows)) == sorted(_ids(_students(warm, creator)))
    values = [row[column] for row in rows]
    known = [value for value in values if value is not None]
    assert values[len(known) :] == [None] * (len(values) - len(known)), "unknown comes last"
    if column != "name":  # the order of names is the database's
        assert known == sorted(known, reverse=is_down)


def test_search_finds_the_beginning_of_any_word(warm: Warm, creator: UUID) -> None:
    rows = [
        row
        for row in _students(warm, creator)
        if row["name"] and row["name"].isascii() and len(row["name"].split()) == 2 and row["name"].replace(" ", "").isalpha()
    ]
    first, last = rows[0]["name"].split()
    for word in (first[:3].lower(), last[:4].upper(), rows[0]["email"].split("@")[1][:5], f"{first} {last[:2]}"):
        assert rows[0]["student_id"] in _ids([row for page in (1, 2, 3, 4, 5) for row in _page(warm, creator, search=word, page=page)]), (
            word
        )
    assert rows[0]["student_id"] not in _ids(_page(warm, creator, search=last[1:5] + "zz"))
    assert _page(warm, creator, search="") == _page(warm, creator, search="  ") == _page(warm, creator)
    assert _page(warm, creator, search=f" \t{first}\u00a0\n") == _page(warm, creator, search=first) != []


@pytest.mark.parametrize(
    ("name", "found_by", "not_by"),
    [
        ('=cmd|"/c calc"!A1', ["=CMD", "cmd|", '"/c calc"', "calc", "!a1"], ["md|", "alc", "=.md", "=c%"]),
        ("<img src=x onerror=alert(1)>", ["<img", "src=", "ALERT(1)", "=x one", "(1)>"], ["mg src", "(?i)", "alert.1.", "(1|2)"]),
        ("../../etc/passwd", ["../", "/etc/pass", "passwd"], ["asswd", "...etc", "^..", "***=../"]),
        ("100% _sure_", ["100%", "% _s", "_sure_", "sure"], ["00%", "ure_", "100%%", "100_", "__sure"]),
        ("Joann O'Connor-Ní", ["joann", "o'c", "'connor", "connor-n", "-ní", "NÍ"], ["ann", "oann", "onnor", "nn o'"]),
        ("🦜 Ann_Lee", ["🦜", "🦜 ann", "lee", "_lee", "ann_"], ["ee", "nn_lee", "🦜ann"]),
    ],
)
def test_a_name_is_found_by_itself_and_its_words_whatever_sign_it_begins_with(
    warm: Warm, creator: UUID, name: str, found_by: list[str], not_by: list[str]
) -> None:
    student = _students(warm, creator)[0]["student_id"]
    with warehouse.connect(warm.settings) as connection:
        warehouse.set_role(connection, "publisher")
        connection.execute("update analytics.student_engagement_tiers set name = null, email = null where creator_id = %s", (creator,))
        connection.execute("update analytics.student_engagement_tiers set name = %s where student_id = %s", (name, student))
        warehouse.set_role(connection, "bi_reader")
        for word, is_found in {name: True, **dict.fromkeys(found_by, True), **dict.fromkeys(not_by, False)}.items():
            found = connection.execute("select student_id from analytics.students_page(%s, search => %s)", (creator, word)).fetchall()
            assert found == ([(student,)] if is_found else []), word
        connection.rollback()


@pytest.mark.parametrize("word", ["'; drop table analytics.published; --", "100%", "(", "[", "\\", ".*", "a{2", "$1", "🦜", "x" * 10_000])
def test_whatever_is_searched_is_text(warm: Warm, creator: UUID, word: str) -> None:
    holding = [row for row in _students(warm, creator) if word in (row["name"] or "") or word in (row["email"] or "")]
    assert set(_ids(_page(warm, creator, search=word))) == set(_ids(holding))  # names of the made-up platform hold some of them
    assert _ask(warm, "select count(*) from analytics.published")[0]["count"] > 5


def test_a_search_longer_than_any_name_is_refused(warm: Warm, creator: UUID) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=r"^search is at most 10000 characters long, not 100000") as refused:
        _page(warm, creator, search="x" * 100_000)
    assert len(str(refused.value)) < 1_000


@pytest.mark.parametrize("asked", [{"last_active": "7d"}, {"last_active": "older"}, {"status": "active", "search": "a"}, {}])
def test_nobody_has_no_students(warm: Warm, asked: dict[str, Any]) -> None:
    assert _page(warm, UUID(int=0xBAD), **asked) == []


def test_signs_in_a_search_stand_for_themselves(warm: Warm, creator: UUID) -> None:
    student = _students(warm, creator)[0]["student_id"]
    with warehouse.connect(warm.settings) as connection:
        warehouse.set_role(connection, "publisher")
        connection.execute("update analytics.student_engagement_tiers set name = %s where student_id = %s", ("Zoë_B 5%\\c", student))
        warehouse.set_role(connection, "bi_reader")
        for word, is_found in {"zoë_b": True, "5%\\C": True, "5%": True, "oë_b": False, "zoëxb": False, "5xc": False, "5%%": False}.items():
            found = connection.execute("select student_id from analytics.students_page(%s, search => %s)", (creator, word)).fetchall()
            assert ((student,) in found) is is_found, word
        connection.rollback()


@pytest.mark.parametrize(
    "asked",
    [
        {"sort_by": "name; select 1"},
        {"band": 5},
        {"last_active": "1 year"},
        {"page": 0},
        {"page": 2**31 - 1},
        {"status": "at_risk"},
        {"status": ""},
        {"of_tier": "bogus"},
    ],
)
def test_what_makes_no_sense_is_refused_in_words(warm: Warm, creator: UUID, asked: dict[str, Any]) -> None:
    ((name, value),) = asked.items()
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=f"^{name} is .* not {value}"):
        _page(warm, creator, **asked)


@pytest.mark.parametrize(
    ("function", "name", "otherwise"),
    [("at_risk_students", "how_many", 50), ("top_performers", "how_many", 10), ("engagement", "period", 30), ("videos_page", "page", 1)],
)
def test_a_number_is_checked_and_null_is_the_default(warm: Warm, creator: UUID, function: str, name: str, otherwise: int) -> None:
    asked = f"select * from analytics.{function}(%s, {name} => %s)"
    for value in (0, -1, -(2**31), 2**31 - 1):
        with pytest.raises(psycopg.errors.InvalidParameterValue, match=f"^{name} is 1 to \\d+, not {value}"):
            _ask(warm, asked, creator, value)
    assert _ask(warm, asked, creator, None) == _ask(warm, asked, creator, otherwise) != []
    assert _ask(warm, asked, creator, 1) != []


def test_null_stands_for_what_is_not_given(warm: Warm, creator: UUID) -> None:
    names = ("status", "of_tier", "band", "last_active", "search", "sort_by", "page")
    assert _page(warm, creator, **dict.fromkeys(names)) == _page(warm, creator)
    videos = "select * from analytics.videos_page(%s, sort_by => %s)"
    assert _ask(warm, videos, creator, None) == _ask(warm, videos, creator, "viewers")
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=r"^page is"):
        _ask(warm, "select * from analytics.videos_page(%s, page => 0)", creator)


def test_statuses_and_tiers_are_those_of_the_rules(warm: Warm, creator: UUID) -> None:
    for name, column in {"status": "status_filter", "of_tier": "tier"}.items():
        known = {row[column] for row in warm.fetch(f"select distinct {column} from intermediate.tier_rules")}
        with pytest.raises(psycopg.errors.InvalidParameterValue) as refused:
            _page(warm, creator, **{name: "bogus"})
        listed = str(refused.value).splitlines()[0].removeprefix(f"{name} is one of ").removesuffix("; not bogus")
        assert set(listed.split(", ")) == known != set()


def test_a_list_asked_for_by_number_is_planned_with_it(warm: Warm, creator: UUID) -> None:
    """The check of the number is done before the plan is made, and the function's query is the caller's own: indexes serve it as before."""
    plan = str(_ask(warm, "explain (verbose) select * from analytics.at_risk_students(%s, 7)", creator))
    assert "Function Scan" not in plan
    assert "whole_number" not in plan


def test_lists_of_students_to_look_at(warm: Warm, creator: UUID) -> None:
    students = _students(warm, creator)
    slipped = [row for row in students if row["tier"] == "at_risk" and row["lifecycle_stage"] != "completed"]
    assert set(_ids(_ask(warm, "select * from analytics.at_risk_students(%s, 1000)", creator))) == set(_ids(slipped)) != set()
    best = sorted(
        (row for row in students if row["tier"] in {"engaged", "highly_engaged"}), key=lambda row: (-row["xp_points"], row["student_id"])
    )
    assert _ids(_ask(warm, "select * from analytics.top_performers(%s)", creator)) == _ids(best[:10])


def test_a_student_in_detail(warm: Warm, creator: UUID) -> None:
    student = max(_students(warm, creator), key=lambda row: row["videos_watched_count"])
    ((detail,),) = [row.values() for row in _ask(warm, "select analytics.student_detail(%s, %s)", creator, student["student_id"])]
    assert detail["student"]["name"] == student["name"]
    assert sum(video["watch_seconds"] > 0 or video["completion_rate"] > 0 for video in detail["videos"]) == student["videos_watched_count"]
    assert len(detail["quizzes"]) == student["quiz_attempt_count"]
    assert detail["tiers"][0]["to_tier"] == student["tier"]
    assert _ask(warm, "select analytics.student_detail(%s, gen_random_uuid()) as d", creator) == [{"d": None}]


def test_videos(warm: Warm, creator: UUID) -> None:
    videos = _ask(warm, "select * from analytics.video_analytics where creator_id = %s", creator)
    expected = sorted(videos, key=lambda row: (-row["viewer_count"], row["video_id"]))
    assert [row["video_id"] for row in _ask(warm, "select * from analytics.videos_page(%s)", creator)] == [
        row["video_id"] for row in expected[:50]
    ]
    for sort_by in ("completion", "attention", "title", "last_viewed"):
        assert len(_ask(warm, "select * from analytics.videos_page(%s, %s)", creator, sort_by)) == min(len(videos), 50)
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="sort_by is one of"):
        _ask(warm, "select * from analytics.videos_page(%s, 'price')", creator)
    ((detail,),) = [row.values() for row in _ask(warm, "select analytics.video_detail(%s, %s)", creator, expected[0]["video_id"])]
    assert detail["video"]["viewer_count"] == expected[0]["viewer_count"] == sum(detail["viewers_by_tier"].values())
    advised = _ask(
        warm, "select video_id, reason from analytics.recommendations where creator_id = %s and video_id is not null limit 1", creator
    )
    for row in advised:
        ((detail,),) = [found.values() for found in _ask(warm, "select analytics.video_detail(%s, %s)", creator, row["video_id"])]
        assert [item["reason"] for item in detail["recommendations"]] == [row["reason"]]


def test_a_video_shows_what_is_asked_about_it(warm: Warm, creator: UUID) -> None:
    asked = _ask(warm, "select * from analytics.top_questions where creator_id = %s and related_video_id is not null", creator)
    video_id = asked[0]["related_video_id"]
    ((detail,),) = [row.values() for row in _ask(warm, "select analytics.video_detail(%s, %s)", creator, video_id)]
    about_it = sorted(
        (row for row in asked if row["related_video_id"] == video_id), key=lambda row: (-row["ask_count"], row["question_id"])
    )
    assert [(row["question"], row["related_video_second"]) for row in detail["questions"]] == [
        (row["question"], row["related_video_second"]) for row in about_it
    ]
    assert {row["related_video_title"] for row in about_it} == {detail["video"]["title"]}


@pytest.mark.parametrize("period", [7, 30, 90])
def test_engagement_of_the_last_days(warm: Warm, creator: UUID, period: int) -> None:
    days = _ask(warm, "select * from analytics.engagement(%s, %s)", creator, period)
    (overview,) = _ask(warm, "select * from analytics.overview(%s)", creator)
    assert [row["activity_on"] for row in days] == [overview["today_on"] - timedelta(days=period - 1 - number) for number in range(period)]


def test_content_by_topic(warm: Warm, creator: UUID) -> None:
    rows = _ask(warm, "select * from analytics.content(%s)", creator)
    videos = _ask(warm, "select * from analytics.video_analytics where creator_id = %s", creator)
    found = {row["topic"]: row["video_count"] for row in rows if row["topic_kind"] == "category"}
    assert found == Counter(video["category"] for video in videos if video["category"]) != {}
    for kind, group in groupby(rows, key=lambda row: row["topic_kind"]):
        counts = [row["student_video_count"] for row in group]
        assert counts == sorted(counts, reverse=True), kind
    assert [kind for kind, _ in groupby(rows, key=lambda row: row["topic_kind"])] == ["category", "tag"]


def test_revenue_by_currency(warm: Warm, creator: UUID) -> None:
    rows = _ask(warm, "select * from analytics.revenue(%s)", creator)
    months = _ask(warm, "select * from analytics.revenue_monthly where creator_id = %s", creator)
    (overview,) = _ask(warm, "select * from analytics.overview(%s)", creator)
    this = overview["today_on"].replace(day=1)
    paid = {(row["month_on"], row["currency"]): row["revenue_cents"] for row in months}
    assert [row["currency"] for row in rows] == sorted({row["currency"] for row in months}) != []
    for row in rows:
        assert row["this_month_cents"] == paid.get((this, row["currency"]), 0)
        assert row["last_month_cents"] == paid.get(((this - timedelta(days=1)).replace(day=1), row["currency"]), 0)


def test_pages_show_what_row_security_lets_the_caller_see(warm: Warm, creator: UUID) -> None:
    (other,) = _ask(warm, "select creator_id from analytics.creator_overview where creator_id <> %s and student_count > 0 limit 1", creator)
    asked = "select (select count(*) from analytics.students_page(%s)) + (select count(*) from analytics.overview(%s)) as seen"
    for bound, seen in ((creator, 51), (other["creator_id"], 0), (None, 0)):
        assert _ask(warm, asked, creator, creator, role="report_renderer", creator=bound) == [{"seen": seen}]


def test_nobody_else_may_call_them(warm: Warm) -> None:
    functions = warm.fetch("select proname, proacl::text from pg_proc where pronamespace = 'analytics'::regnamespace")
    assert len(functions) == 13
    for function in functions:
        granted = {entry.split("=")[0] for entry in function["proacl"].strip("{}").split(",")}
        assert granted == {"analytics_owner", *pages.READERS}, function["proname"]
