"""The rules of both doors on a real Postgres: good rows pass, each rule is seen to fail, and nothing that cannot be examined passes.

Belongs here: the suites and how they are read and validated. Does not: what the pipeline does with an outcome.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import event
from sqlalchemy.engine import Engine

import expectations
from expectations import Outcome, Suite
from pipelines.catalog import load_catalog
from pipelines.local.world import World
from pipelines.settings import ROOT

CATALOG = load_catalog()
SUITES = {(suite.door, suite.table): suite for door in expectations.DOORS for suite in expectations.suites(door)}
RULES = [(suite, rule) for suite in SUITES.values() for rule in suite.rules]
ONE, TWO = UUID(int=1), UUID(int=2)
THEN = "2026-03-01 12:00"
ZEROS: dict[str, Any] = {
    "creator_overview": [
        "student_count", "active_7d_count", "active_30d_count", "new_30d_count", "new_prior_30d_count", "active_prior_30d_count", "inactive_count",
        "at_risk_count", "low_engagement_count", "highly_engaged_count", "engaged_count", "moderate_count", "video_count", "processed_video_count",
        "total_duration_seconds", "watched_video_count", "completion_count", "watch_seconds", "quiz_count", "quiz_attempt_count", "question_count",
        "answer_count", "active_90d_count", "new_month_count", "completion_30d_count", "watch_30d_seconds", "active_day_7d_count", "active_day_30d_count",
        "active_day_90d_count", "avg_daily_active_7d", "avg_daily_active_30d", "avg_daily_active_90d", "quiz_passed_count",
        "submitted_project_count",
    ],
    "daily_activity": ["submitting_student_count", "new_student_count"],
    "video_analytics": ["high_engagement_count", "low_engagement_count"],
    "chat_transcript": [],
    "hourly_activity": [],
    "recommendations": [],
    "cohort_retention": [],
    "course_progress": [],
    "revenue_monthly": [],
    "revenue_overview": [],
    "content_topics": [],
    "progress": [],
    "quiz_results": [],
    "quiz_analytics": [],
    "quiz_question_analytics": [],
    "student_engagement_tiers": ["streak_days", "quiz_attempt_count", "quiz_passed_count"],
    "tier_transitions": [],
    "top_questions": [],
}  # fmt: skip
GOOD: dict[str, dict[str, Any]] = {
    "video_progress": {
        "id": ONE, "student_id": ONE, "video_id": ONE, "last_position_seconds": 10, "watch_time_seconds": 20, "completion_percentage": 60,
        "completed": True, "created_at": THEN, "updated_at": THEN,
    },
    "students": {
        "id": ONE, "creator_id": ONE, "email": "ann@example.com", "name": "=Ann", "xp_points": 5, "level": 1, "streak_days": 0,
        "onboarding_completed": False, "membership_status": "active", "last_active": None, "created_at": THEN, "updated_at": THEN,
    },
    "quiz_attempts": {
        "id": ONE, "quiz_id": ONE, "student_id": ONE, "answers": "[]", "score": 70, "passed": True, "time_taken_seconds": None, "completed_at": THEN,
    },
    "chat_messages": {
        "id": ONE, "session_id": ONE, "role": "assistant", "content": "So.", "video_references": None, "feedback": "positive", "created_at": THEN,
    },
    "creators": {"id": ONE, "company_name": "A", "current_plan": "basic", "plan_expires_at": THEN, "created_at": "2026-01-01", "updated_at": THEN},
    "creator_preferences": {"creator_id": ONE, "export_preferences": "[]", "updated_at": THEN},
    "courses": {"id": ONE, "creator_id": ONE, "title": "A", "is_active": True, "order_index": 0, "created_at": THEN, "updated_at": THEN},
    "videos": {
        "id": ONE, "creator_id": ONE, "course_id": None, "title": "A", "duration_seconds": 86400, "transcript_processed": False, "order_index": 0,
        "created_at": THEN, "updated_at": THEN,
    },
    "chat_sessions": {"id": ONE, "student_id": ONE, "creator_id": ONE, "title": None, "created_at": THEN, "updated_at": THEN},
    "quizzes": {"id": ONE, "creator_id": ONE, "title": "A", "questions": "[]", "passing_score": 100, "created_at": THEN, "updated_at": THEN},
    "projects": {"id": ONE, "creator_id": ONE, "title": "A", "created_at": THEN, "updated_at": THEN},
    "project_submissions": {
        "id": ONE, "project_id": ONE, "student_id": ONE, "status": "passed", "score": 100, "submitted_at": THEN, "reviewed_at": THEN, "created_at": THEN,
        "updated_at": THEN,
    },
    "achievements": {"id": ONE, "name": "A", "xp_value": 0, "created_at": THEN},
    "student_achievements": {"student_id": ONE, "achievement_id": ONE, "unlocked_at": THEN},
    "xp_transactions": {"id": ONE, "student_id": ONE, "action": "watched", "xp_amount": -100000, "created_at": THEN},
    "analytics_events": {
        "id": ONE, "student_id": None, "creator_id": ONE, "event_type": "payment_failed", "event_data": '{"amount": 5, "currency": "USD"}', "created_at": THEN,
    },
    "creator_overview": {"creator_id": ONE, "company_name": "A", "current_plan": "basic", "timezone": "UTC", "today_on": "2026-03-01"},
    "daily_activity": {
        "creator_id": ONE, "activity_on": "2026-03-01", "active_student_count": 2, "watching_student_count": 1, "quizzing_student_count": 1,
        "chatting_student_count": 1, "videos_watched_count": 1, "quiz_attempt_count": 2, "message_count": 1,
    },
    "video_analytics": {
        "creator_id": ONE, "video_id": ONE, "title": "A", "viewer_count": 10, "avg_completion_rate": 0.5, "avg_watch_seconds": 9, "completion_count": 2,
        "completion_rate": 0.2, "avg_drop_off_rate": 0.1, "drop_off_second": 7.5, "last_viewed_at": THEN, "needs_attention": True,
        "attention_reason": "2 of 10 viewers finished the video, under 30%", "related_question_count": 0, "retention_rates": [0.5] * 20,
    },
    "video_viewer_tiers": {"creator_id": ONE, "video_id": ONE, "tier": "engaged", "viewer_count": 1},
    "chat_transcript": {
        "creator_id": ONE, "message_id": ONE, "session_id": ONE, "student_id": ONE, "role": "user", "content": "=How?", "feedback": None, "sent_at": THEN,
    },
    "progress": {
        "creator_id": ONE, "student_id": ONE, "video_id": ONE, "video_title": "A", "watch_seconds": 0, "completion_rate": 0.01, "is_completed": False,
        "last_position_seconds": 0, "last_watched_at": THEN,
    },
    "quiz_results": {
        "creator_id": ONE, "attempt_id": ONE, "student_id": ONE, "quiz_id": ONE, "quiz_title": "A", "score": 70, "is_passed": True, "completed_at": THEN,
    },
    "cohort_retention": {
        "creator_id": ONE, "cohort_on": "2026-02-01", "month_on": "2026-03-01", "month_no": 1, "is_partial": False, "student_count": 2, "active_count": 1,
        "active_rate": 0.5,
    },
    "course_progress": {
        "creator_id": ONE, "course_id": ONE, "title": "A", "is_active": True, "video_count": 2, "student_count": 3, "started_count": 2, "completed_count": 1,
        "avg_progress_rate": 0.5, "completion_rate": 0.5, "median_day_count": 1.5,
    },
    "revenue_monthly": {
        "creator_id": ONE, "month_on": "2026-03-01", "currency": "USD", "payment_count": 2, "revenue_cents": 100, "paying_student_count": 1,
        "failed_payment_count": 1,
    },
    "revenue_overview": {
        "creator_id": ONE, "currency": "USD", "this_month_on": "2026-03-01", "this_month_cents": 300, "last_month_cents": 200, "revenue_change": 0.5,
        "per_student_cents": 150, "this_month_failed_count": 0, "last_month_failed_count": 1,
    },
    "content_topics": {
        "creator_id": ONE, "topic_kind": "tag", "topic": "light", "video_count": 1, "student_video_count": 2, "avg_completion_rate": 0.5,
    },
    "recommendations": {
        "creator_id": ONE, "recommendation": "check_in", "about_key": str(ONE), "student_id": ONE, "about": None, "action": "Check in with the student",
        "reason": "No activity since 1 March 2026", "since_at": THEN,
    },
    "hourly_activity": {"creator_id": ONE, "weekday_no": 7, "hour_no": 0, "student_hour_count": 1, "share_rate": 0.5},
    "quiz_analytics": {
        "creator_id": ONE, "quiz_id": ONE, "title": "A", "passing_score": 70, "attempt_count": 5, "student_count": 2, "avg_score": 40, "pass_rate": 0.4,
        "fail_rate": 0.6, "median_seconds": 60.5, "last_attempted_at": THEN, "is_struggling": True,
    },
    "quiz_question_analytics": {
        "creator_id": ONE, "quiz_id": ONE, "question_id": "q1", "question_no": 1, "question": "Which?", "answer_count": 2, "wrong_count": 1, "wrong_rate": 0.5,
    },
    "student_engagement_tiers": {
        "creator_id": ONE, "student_id": ONE, "email": "secret@example.com", "membership_status": "active", "joined_at": THEN, "last_active_at": THEN,
        "tier": "at_risk", "tier_reason": "No activity since 1 March 2026", "status_filter": "at-risk", "lifecycle_stage": "learning", "rules_version": 1,
        "videos_watched_count": 1, "avg_completion_rate": 0.5, "watch_seconds": 9, "message_count": 1, "xp_points": 1, "level": 1,
        "progress_band": "26-50", "course_progress_rate": 0.5, "completed_course_count": 1, "avg_course_day_count": 2, "submitted_project_count": 1,
        "avg_project_score": 80, "achievement_count": 0, "last_video_id": ONE, "has_slipped": True, "has_failed_twice": False, "is_stalled": False,
        "has_payment_failed": False,
    },
    "tier_transitions": {
        "creator_id": ONE, "student_id": ONE, "changed_at": THEN, "from_tier": None, "to_tier": "at_risk", "rules_version": 1,
    },
    "top_questions": {
        "creator_id": ONE, "question_id": "0" * 32, "question": "How do I start?", "ask_count": 2, "student_count": 1, "ask_7d_count": 0, "ask_30d_count": 1,
        "satisfaction_rate": None, "first_asked_at": THEN, "last_asked_at": THEN, "positive_count": 0, "rated_count": 0, "trend": "steady",
        "is_content_gap": False, "question_group": "0" * 32, "example_wordings": ["start, how?"],
    },
}  # fmt: skip
"""One row per table that every rule accepts."""

AGAIN = "insert into {table} select * from {table}"
TWIN = f"insert into {{table}} select * from {{table}}; update {{table}} set id = '{TWO}' where ctid = (select max(ctid) from {{table}})"
FOUR_MORE = "insert into {table} select t.* from {table} as t, generate_series(1, 4);"
DATES = ["created_at = null", "updated_at = '1989-12-31'"]
BREAKING: dict[tuple[str, str], list[str]] = {
    ("video_progress", "every row has a key"): ["id = null"],
    ("video_progress", "keys are unique"): [AGAIN],
    ("video_progress", "student and video are known"): ["student_id = null", "video_id = null"],
    ("video_progress", "one row per student and video"): [TWIN],
    ("video_progress", "completion is a percentage"): ["completion_percentage = 101", "completion_percentage = -1"],
    ("video_progress", "completion is known"): ["completion_percentage = null"],
    ("video_progress", "watch time is not negative"): ["watch_time_seconds = -1"],
    ("video_progress", "watch time fits into a person's life"): ["watch_time_seconds = 2000001"],
    ("video_progress", "positions are not negative"): ["last_position_seconds = -1"],
    ("video_progress", "finished means seen"): ["completion_percentage = 49"],
    ("video_progress", "dates are dates of the platform"): ["created_at = '1989-12-31'", "updated_at = '1970-01-01'"],
    ("students", "every row has a key"): ["id = null"],
    ("students", "keys are unique"): [AGAIN],
    ("students", "every student has a creator"): ["creator_id = null"],
    ("students", "membership status is known"): ["membership_status = 'paused'"],
    ("students", "points, levels and streaks are not negative"): ["xp_points = -1", "level = -1", "streak_days = -1"],
    ("students", "onboarding is known"): ["onboarding_completed = null"],
    ("students", "most addresses look like addresses"): [FOUR_MORE + "update {table} set email = 'Ann'"],
    ("students", "dates are dates of the platform"): ["created_at = null", "last_active = '1970-01-01'", "updated_at = '1970-01-01'"],
    ("quiz_attempts", "every row has a key"): ["id = null"],
    ("quiz_attempts", "keys are unique"): [AGAIN],
    ("quiz_attempts", "student and quiz are known"): ["student_id = null", "quiz_id = null"],
    ("quiz_attempts", "scores are between 0 and 100"): ["score = 101", "score = -1"],
    ("quiz_attempts", "score and outcome are known"): ["score = null", "passed = null"],
    ("quiz_attempts", "a score of 0 does not pass"): ["score = 0"],
    ("quiz_attempts", "time taken is not negative"): ["time_taken_seconds = -1"],
    ("quiz_attempts", "dates are dates of the platform"): ["completed_at = null", "completed_at = '1970-01-01'"],
    ("chat_messages", "every row has a key"): ["id = null"],
    ("chat_messages", "keys are unique"): [AGAIN],
    ("chat_messages", "every message is part of a conversation"): ["session_id = null"],
    ("chat_messages", "the role is known"): ["role = 'system'"],
    ("chat_messages", "every message says something"): ["content = null"],
    ("chat_messages", "feedback is positive or negative"): ["feedback = 'meh'"],
    ("chat_messages", "feedback sits on answers"): ["role = 'user'"],
    ("chat_messages", "dates are dates of the platform"): ["created_at = null", "created_at = '1970-01-01'"],
    ("creators", "one row per creator"): [AGAIN, "id = null"],
    ("creators", "the plan is known"): ["current_plan = 'gold'", "current_plan = null"],
    ("creators", "a plan ends after the creator came"): ["plan_expires_at = '2025-12-31'"],
    ("creators", "dates are dates of the platform"): DATES,
    ("creator_preferences", "one row per creator"): [AGAIN, "creator_id = null"],
    ("creator_preferences", "dates are dates of the platform"): ["updated_at = null", "updated_at = '1989-12-31'"],
    ("courses", "one row per course"): [AGAIN, "id = null"],
    ("courses", "every course has a creator"): ["creator_id = null"],
    ("courses", "it is known whether a course is offered"): ["is_active = null"],
    ("courses", "places in the list are not negative"): ["order_index = -1"],
    ("courses", "dates are dates of the platform"): DATES,
    ("videos", "one row per video"): [AGAIN, "id = null"],
    ("videos", "every video has a creator"): ["creator_id = null"],
    ("videos", "lengths are not negative"): ["duration_seconds = -1"],
    ("videos", "a video is shorter than a day"): ["duration_seconds = 86401"],
    ("videos", "what the app says of a video is there"): ["transcript_processed = null", "order_index = -1"],
    ("videos", "dates are dates of the platform"): DATES,
    ("chat_sessions", "one row per conversation"): [AGAIN, "id = null"],
    ("chat_sessions", "student and creator are known"): ["student_id = null", "creator_id = null"],
    ("chat_sessions", "dates are dates of the platform"): DATES,
    ("quizzes", "one row per quiz"): [AGAIN, "id = null"],
    ("quizzes", "every quiz has a creator"): ["creator_id = null"],
    ("quizzes", "questions are a list"): ["questions = '{}'", "questions = null"],
    ("quizzes", "what is to be reached can be reached"): ["passing_score = 0", "passing_score = 101"],
    ("quizzes", "dates are dates of the platform"): DATES,
    ("projects", "one row per project"): [AGAIN, "id = null"],
    ("projects", "every project has a creator"): ["creator_id = null"],
    ("projects", "dates are dates of the platform"): DATES,
    ("project_submissions", "one row per submission"): [AGAIN, "id = null"],
    ("project_submissions", "project and student are known"): ["project_id = null", "student_id = null"],
    ("project_submissions", "the status is known"): ["status = 'lost'", "status = null"],
    ("project_submissions", "scores are between 0 and 100"): ["score = 101", "score = -1"],
    ("project_submissions", "submitted work has its time"): ["submitted_at = null"],
    ("project_submissions", "reviews come after the work"): ["reviewed_at = '2026-01-01'"],
    ("project_submissions", "dates are dates of the platform"): [*DATES, "submitted_at = '1970-01-01'", "reviewed_at = '1970-01-01'"],
    ("achievements", "one row per achievement"): [AGAIN, "id = null"],
    ("achievements", "worth is not negative"): ["xp_value = -1"],
    ("achievements", "dates are dates of the platform"): ["created_at = null", "created_at = '1989-12-31'"],
    ("student_achievements", "one row per student and achievement"): [AGAIN, "student_id = null", "achievement_id = null"],
    ("student_achievements", "dates are dates of the platform"): ["unlocked_at = null", "unlocked_at = '1989-12-31'"],
    ("xp_transactions", "one row per transaction"): [AGAIN, "id = null"],
    ("xp_transactions", "student and amount are known"): ["student_id = null", "xp_amount = null"],
    ("xp_transactions", "amounts are believable"): ["xp_amount = 100001", "xp_amount = -2147483648"],
    ("xp_transactions", "dates are dates of the platform"): ["created_at = null", "created_at = '1989-12-31'"],
    ("analytics_events", "one row per event"): [AGAIN, "id = null"],
    ("analytics_events", "every event has a type"): ["event_type = null"],
    ("analytics_events", "payments have amount and currency"): ["event_data = null", "event_data = '{\"amount\": 5}'"],
    ("analytics_events", "every event has a creator"): ["creator_id = null"],
    ("analytics_events", "dates are dates of the platform"): ["created_at = null", "created_at = '1989-12-31'"],
    ("tier_transitions", "one row per student and instant, with its creator"): [
        AGAIN,
        "creator_id = null",
        "student_id = null",
        "changed_at = null",
    ],
    ("tier_transitions", "tiers are those of the rules"): ["to_tier = 'asleep'", "to_tier = null", "from_tier = 'asleep'"],
    ("tier_transitions", "a change changes something"): ["from_tier = 'at_risk'"],
    ("tier_transitions", "the rules that decided are known"): ["rules_version = null", "rules_version = 0"],
    ("creator_overview", "one row per creator"): [AGAIN, "creator_id = null"],
    ("creator_overview", "the plan is known"): ["current_plan = 'gold'"],
    ("creator_overview", "every creator has a day and a time zone"): ["timezone = null", "today_on = null"],
    ("creator_overview", "counts are not negative"): [f"{name} = -1" for name in ZEROS["creator_overview"]],
    ("creator_overview", "rates are shares"): ["satisfaction_rate = 1.01", "satisfaction_rate = -0.01", "churn_30d_rate = 2"],
    ("creator_overview", "a rate without a whole is empty"): [
        "active_30d_rate = 0",
        "active_90d_rate = 0",
        "student_count = 1",
        "quiz_pass_rate = 0",
    ],
    ("creator_overview", "mean scores are between 0 and 100"): ["avg_quiz_score = 100.5"],
    ("creator_overview", "parts are not more than the whole"): [
        "active_7d_count = 1",
        "active_90d_count = 1",
        "watched_video_count = 1",
        "new_30d_count = 1",
    ],
    ("creator_overview", "mean project scores are between 0 and 100"): ["avg_project_score = 100.5", "avg_project_score = -1"],
    ("creator_overview", "trends follow their numbers"): [
        "active_30d_change = 0",
        "active_30d_change = -1, active_30d_count = 3, active_prior_30d_count = 2",
        "active_prior_30d_count = 1",
        "new_30d_change = 0.5",
        "new_30d_change = 0.5, new_prior_30d_count = 2",
        "watch_30d_change = -1.5",
        "watch_30d_change = 0.5",
        "completion_30d_change = -0.5",
    ],
    ("creator_overview", "longer windows hold more days"): [
        "active_day_7d_count = 1",
        "active_day_30d_count = 31, active_day_90d_count = 31",
        "active_day_90d_count = 91",
        "avg_daily_active_30d = 0.5",
    ],
    ("creator_overview", "the peak is an hour of the day"): [
        "peak_hour_no = 24, peak_hour_rate = 1",
        "peak_hour_no = 0",
        "peak_hour_rate = 1",
    ],
    ("creator_overview", "a conversation has a message"): ["avg_messages_per_chat = 0.99"],
    ("daily_activity", "one row per creator and day"): [AGAIN, "activity_on = null"],
    ("daily_activity", "counts are not negative"): ["new_student_count = -1", "submitting_student_count = -1"],
    ("daily_activity", "no kind of activity has more students than the day"): ["watching_student_count = 3"],
    ("daily_activity", "what was done was done by somebody"): ["quiz_attempt_count = 0", "message_count = 0", "watching_student_count = 0"],
    ("daily_activity", "days are days of the platform"): ["activity_on = '1989-12-30'"],
    ("video_analytics", "one row per video, with its creator"): [AGAIN, "creator_id = null", "video_id = null"],
    ("video_analytics", "counts are not negative"): ["low_engagement_count = -1", "drop_off_second = -1"],
    ("video_analytics", "rates are shares"): ["completion_rate = 1.5", "avg_drop_off_rate = -0.5"],
    ("video_analytics", "completions and engagement are of viewers"): ["completion_count = 11", "high_engagement_count = 11"],
    ("video_analytics", "an unwatched video has no rates"): ["viewer_count = 0", "completion_rate = null", "last_viewed_at = null"],
    ("video_analytics", "attention has its reason"): ["attention_reason = null", "needs_attention = false", "viewer_count = 9"],
    ("video_analytics", "retention has 20 shares"): [
        "retention_rates = null",
        "retention_rates = retention_rates[2:]",
        "retention_rates[1] = 1.1",
        "retention_rates[7] = null",
    ],
    ("video_viewer_tiers", "one row per video and tier, with its creator"): [AGAIN, "creator_id = null", "video_id = null"],
    ("video_viewer_tiers", "tiers are those of the rules"): ["tier = 'gold'"],
    ("video_viewer_tiers", "a row has a viewer"): ["viewer_count = 0", "viewer_count = null"],
    ("chat_transcript", "one row per message, with its creator"): [AGAIN, "creator_id = null", "message_id = null"],
    ("chat_transcript", "somebody said it, in a conversation, at a time"): [
        "role = 'system'",
        "content = null",
        "sent_at = null",
        "student_id = null",
    ],
    ("chat_transcript", "answers alone are rated"): ["feedback = 'positive'"],
    ("progress", "one row per student and video, with their creator"): [AGAIN, "creator_id = null", "video_id = null"],
    ("progress", "whoever has a row watched"): ["completion_rate = 0", "last_watched_at = null", "is_completed = null"],
    ("progress", "progress is in range"): ["completion_rate = 1.01", "watch_seconds = -1", "last_position_seconds = -1"],
    ("quiz_results", "one row per attempt, with its creator"): [AGAIN, "creator_id = null", "attempt_id = null"],
    ("quiz_results", "student, quiz and outcome are known"): ["student_id = null", "is_passed = null", "completed_at = null"],
    ("quiz_results", "scores and times are in range"): ["score = 101", "time_taken_seconds = -1"],
    ("cohort_retention", "one row per creator, cohort and month"): [AGAIN, "creator_id = null", "month_on = null"],
    ("cohort_retention", "months are numbered from joining"): [
        "month_no = 0",
        "month_no = -1",
        "month_on = '2026-01-01'",
        "cohort_on = '2026-02-02'",
    ],
    ("cohort_retention", "the active are of those who joined"): [
        "active_count = 3",
        "active_rate = null",
        "student_count = 0",
        "is_partial = null",
    ],
    ("course_progress", "one row per course, with its creator"): [AGAIN, "creator_id = null", "course_id = null"],
    ("course_progress", "who completes has started"): [
        "completed_count = 3",
        "started_count = 4",
        "video_count = 0",
        "student_count = null",
    ],
    ("course_progress", "a course that nobody started has no rates"): [
        "started_count = 0",
        "avg_progress_rate = 1.1",
        "completion_rate = null",
    ],
    ("course_progress", "days are of those who completed"): ["median_day_count = -1", "completed_count = 0", "is_active = null"],
    ("revenue_monthly", "one row per creator, month and currency"): [AGAIN, "creator_id = null", "currency = null"],
    ("revenue_monthly", "months begin on the first"): ["month_on = '2026-03-02'"],
    ("revenue_monthly", "currencies are codes"): ["currency = 'usd'", "currency = 'dollar'"],
    ("revenue_monthly", "money has payments"): ["payment_count = 0", "revenue_cents = -1", "failed_payment_count = null"],
    ("revenue_monthly", "students pay at most as often as there are payments"): ["paying_student_count = 3", "paying_student_count = null"],
    ("revenue_overview", "one row per creator and currency"): [AGAIN, "creator_id = null", "currency = null"],
    ("revenue_overview", "currencies are codes"): ["currency = 'usd'", "currency = 'dollar'"],
    ("revenue_overview", "months begin on the first"): ["this_month_on = '2026-03-02'", "this_month_on = null"],
    ("revenue_overview", "money and failures are not negative"): [
        "this_month_cents = -1",
        "last_month_cents = null",
        "per_student_cents = -1",
        "last_month_failed_count = -1",
    ],
    ("revenue_overview", "growth is of what there was"): ["revenue_change = null", "revenue_change = -0.5", "last_month_cents = 0"],
    ("revenue_overview", "a student's part is not more than the whole"): ["per_student_cents = 301"],
    ("content_topics", "one row per creator and topic"): [AGAIN, "creator_id = null", "topic = null"],
    ("content_topics", "a topic is a category or a tag"): ["topic_kind = 'title'", "topic_kind = null"],
    ("content_topics", "topics have a name that fits into a key"): ["topic = ''", "topic = repeat('x', 201)"],
    ("content_topics", "a topic has videos"): ["video_count = 0", "student_video_count = -1", "student_video_count = null"],
    ("content_topics", "completion is a share of what was watched"): [
        "avg_completion_rate = 1.5",
        "avg_completion_rate = null",
        "student_video_count = 0",
    ],
    ("recommendations", "one row per creator, kind and thing"): [AGAIN, "creator_id = null", "about_key = null"],
    ("recommendations", "the kind is known and about one thing of its own"): [
        "recommendation = 'rest'",
        "recommendation = 'revise_quiz'",
        "student_id = null",
        "quiz_id = student_id",
        "about_key = 'x'",
    ],
    ("recommendations", "each says what to do, why and since when"): ["action = ''", "reason = null", "since_at = null"],
    ("hourly_activity", "one row per creator, weekday and hour"): [AGAIN, "creator_id = null", "hour_no = null"],
    ("hourly_activity", "hours are hours of a week"): ["weekday_no = 0", "weekday_no = 8", "hour_no = 24"],
    ("hourly_activity", "shares are of what there was"): ["share_rate = null", "share_rate = 1.5", "student_hour_count = -1"],
    ("quiz_analytics", "one row per quiz, with its creator"): [AGAIN, "creator_id = null", "quiz_id = null"],
    ("quiz_analytics", "attempts are made by somebody"): [
        "student_count = 6",
        "student_count = 0",
        "attempt_count = null",
        "last_attempted_at = null",
    ],
    ("quiz_analytics", "scores and shares are in range"): ["avg_score = 101", "pass_rate = 1.4", "fail_rate = -0.1", "median_seconds = -1"],
    ("quiz_analytics", "a quiz without attempts has no rates"): [
        "avg_score = null",
        "pass_rate = null",
        "fail_rate = 0.5",
        "attempt_count = 0",
    ],
    ("quiz_analytics", "struggling is said from 5 attempts on"): ["attempt_count = 4", "fail_rate = 0.4", "is_struggling = null"],
    ("quiz_question_analytics", "one row per quiz and question, with its creator"): [AGAIN, "creator_id = null", "question_id = null"],
    ("quiz_question_analytics", "questions are numbered from 1"): ["question_no = 0"],
    ("quiz_question_analytics", "wrong answers are answers"): ["wrong_count = 3", "answer_count = null", "wrong_count = -1"],
    ("quiz_question_analytics", "a share needs answers and a correct one"): ["wrong_rate = 1.5", "wrong_rate = null", "wrong_count = null"],
    ("student_engagement_tiers", "one row per student, with its creator"): [AGAIN, "creator_id = null"],
    ("student_engagement_tiers", "the tier is known"): ["tier = 'asleep'"],
    ("student_engagement_tiers", "every student has a tier with a reason"): ["tier_reason = ''", "tier = null", "rules_version = null"],
    ("student_engagement_tiers", "the status follows from the tier"): ["tier = 'inactive'", "status_filter = null"],
    ("student_engagement_tiers", "the stage is known"): ["lifecycle_stage = 'done'"],
    ("student_engagement_tiers", "a student who has not started was never active"): [
        "last_active_at = null",
        "lifecycle_stage = 'not_started'",
    ],
    ("student_engagement_tiers", "membership status is known"): ["membership_status = 'paused'"],
    ("student_engagement_tiers", "everybody has joined"): ["joined_at = null"],
    ("student_engagement_tiers", "counts are not negative"): ["message_count = -1", "quiz_passed_count = 1"],
    ("student_engagement_tiers", "completion is a share of watched videos"): ["avg_completion_rate = 1.5", "videos_watched_count = 0"],
    ("student_engagement_tiers", "the band is that of the mean completion"): [
        "progress_band = null",
        "progress_band = '0-25'",
        "progress_band = '51-75'",
        "progress_band = '76-100'",
        "progress_band = 'all'",
        "avg_completion_rate = null",
        "avg_completion_rate = 0.2549",
    ],
    ("student_engagement_tiers", "course progress is a share of the creator's videos"): [
        "course_progress_rate = 1.5",
        "course_progress_rate = null",
    ],
    ("student_engagement_tiers", "work is not negative"): [
        "completed_course_count = -1",
        "submitted_project_count = -1",
        "achievement_count = -1",
    ],
    ("student_engagement_tiers", "a mean needs what it is of"): [
        "avg_project_score = 101",
        "submitted_project_count = 0",
        "completed_course_count = 0",
    ],
    ("student_engagement_tiers", "whoever watched a video has a last one"): ["last_video_id = null"],
    ("student_engagement_tiers", "a risk follows from the facts beside it"): [
        "has_payment_failed = null",
        "tier = 'highly_engaged'",
        "has_failed_twice = true, quiz_attempt_count = 1",
        "is_stalled = true",
    ],
    ("student_engagement_tiers", "points, levels and streaks are not negative"): ["xp_points = -1"],
    ("top_questions", "one row per creator and question"): [AGAIN, "question_id = null"],
    ("top_questions", "the key is a digest"): ["question_id = 'How?'"],
    ("top_questions", "a question is longer than 10 characters"): ["question = 'Hello you!'", "question = null"],
    ("top_questions", "shorter windows hold no more"): ["ask_7d_count = 2", "ask_30d_count = 3", "student_count = 3", "ask_count = 0"],
    ("top_questions", "satisfaction is a share"): ["satisfaction_rate = 1.01"],
    ("top_questions", "trend and gap are said"): [
        "trend = 'rising'",
        "trend = null",
        "is_content_gap = null",
        "student_count = 5",
        "is_content_gap = true",
    ],
    ("top_questions", "ratings make the satisfaction"): ["rated_count = 1", "positive_count = 1", "rated_count = null"],
    ("top_questions", "questions of one group are one"): ["question_group = 'x'"],
    ("top_questions", "examples are other wordings"): [
        "example_wordings = '{}'",
        "example_wordings = '{a,b}'",
        "example_wordings = '{How do I start?}'",
        "example_wordings = '{null}'",
        "ask_count = 9, example_wordings = '{a,b,c,d}'",
    ],
    ("top_questions", "a place is in a video that has a title"): [
        "related_video_title = 'A'",
        "related_video_second = 5",
        "related_video_id = question_id::uuid",
    ],
    ("top_questions", "first comes before last"): ["first_asked_at = '2026-03-02'", "last_asked_at = null"],
}
"""For each rule, assignments to the good row (or statements) that must each break it."""


def _columns(suite: Suite) -> dict[str, str]:
    if suite.door == "incoming":
        return dict(CATALOG.sources[suite.table].columns)
    return {column.name: column.data_type for column in CATALOG.marts[suite.table].columns}


def _refill(connection: psycopg.Connection, suite: Suite, breakage: str | None = None) -> None:
    """The good row alone; then `breakage`."""
    table = f"{suite.door}.{suite.table}"
    row = GOOD[suite.table] | dict.fromkeys(ZEROS.get(suite.table, []), 0)
    connection.execute(f"delete from {table}")
    connection.execute(f"insert into {table} ({', '.join(row)}) values ({', '.join(['%s'] * len(row))})", list(row.values()))
    if breakage:
        connection.execute(breakage.format(table=table) if breakage.startswith("insert") else f"update {table} set {breakage}")


@pytest.fixture(scope="module")
def address(world: World) -> Iterator[str]:
    """A database with the tables of both doors, empty and without constraints, shared by the tests of this module."""
    name = f"test_expectations_{uuid4().hex[:12]}"
    url = world.create_database(name)
    with psycopg.connect(url, autocommit=True) as connection:
        for door in expectations.DOORS:
            connection.execute(f"create schema {door}")
        for suite in SUITES.values():
            columns = ", ".join(f"{column} {data_type}" for column, data_type in _columns(suite).items())
            connection.execute(f"create table {suite.door}.{suite.table} ({columns})")
    yield url
    world.drop_database(name)


@pytest.fixture
def connection(address: str) -> Iterator[psycopg.Connection]:
    """A connection that commits each statement: Great Expectations looks from another one."""
    with psycopg.connect(address, autocommit=True) as opened:
        yield opened


def _validate(address: str, *suites: Suite) -> list[Outcome]:
    return expectations.validate(address.replace("postgresql://", "postgresql+psycopg2://"), suites)


def test_good_rows_pass_every_rule(address: str, connection: psycopg.Connection) -> None:
    for suite in SUITES.values():
        _refill(connection, suite)
    outcomes = _validate(address, *SUITES.values())
    assert [(outcome.table, outcome.rule_name, outcome.problem) for outcome in outcomes if not outcome.passed] == []
    assert [(outcome.table, outcome.rule_name) for outcome in outcomes] == [(suite.table, rule.rule) for suite, rule in RULES]
    assert {outcome.evaluated for outcome in outcomes} == {1}


def test_every_rule_has_a_breakage() -> None:
    assert set(BREAKING) == {(suite.table, rule.rule) for suite, rule in RULES}


@pytest.mark.parametrize(("suite", "rule"), RULES, ids=[f"{suite.table}: {rule.rule}" for suite, rule in RULES])
def test_a_broken_rule_is_seen(address: str, connection: psycopg.Connection, suite: Suite, rule: expectations.Rule) -> None:
    for breakage in BREAKING[suite.table, rule.rule]:
        _refill(connection, suite, breakage)
        [outcome] = _validate(address, replace(suite, rules=(rule,)))
        assert not outcome.passed, breakage
        assert (outcome.problem, outcome.severity, outcome.because) == ("", rule.severity, rule.because), breakage
        assert outcome.failed >= 1 and outcome.evaluated >= 1, breakage
        assert outcome.samples, breakage
        assert all(part.split("=")[0] in {*suite.key, *rule.kwargs.get("unexpected_rows_query", "")[:80].replace(",", " ").split()}
                   for sample in outcome.samples for part in sample.split(", ")), outcome.samples  # fmt: skip


@pytest.mark.parametrize(("odd", "good", "passes"), [(4, 0, True), (5, 0, False), (5, 45, True), (5, 44, False)])
def test_a_few_odd_addresses_are_people_not_columns(
    address: str, connection: psycopg.Connection, odd: int, good: int, passes: bool
) -> None:
    suite = SUITES["incoming", "students"]
    [rule] = [rule for rule in suite.rules if "addresses" in rule.rule]
    _refill(connection, suite)
    connection.execute(
        """insert into incoming.students (id, email)
           select gen_random_uuid(), case when n <= %s then 'Ann' else 'ann@example.com' end from generate_series(1, %s) as n""",
        (odd, odd + good),
    )
    connection.execute("delete from incoming.students where id = %s", (ONE,))
    [outcome] = _validate(address, replace(suite, rules=(rule,)))
    assert (outcome.passed, outcome.problem, outcome.failed) == (passes, "", 0 if passes else odd)


def test_empty_tables_pass(address: str, connection: psycopg.Connection) -> None:
    for suite in SUITES.values():
        connection.execute(f"delete from {suite.door}.{suite.table}")
    outcomes = _validate(address, *SUITES.values())
    assert [(outcome.table, outcome.rule_name) for outcome in outcomes if not outcome.passed] == []
    assert {outcome.evaluated for outcome in outcomes} == {0}


def test_samples_are_few_and_hold_keys_only(address: str, connection: psycopg.Connection) -> None:
    suite = SUITES["marts", "student_engagement_tiers"]
    _refill(connection, suite, "tier = 'asleep', message_count = -1")
    connection.execute(
        "insert into marts.student_engagement_tiers select t.* from marts.student_engagement_tiers as t, generate_series(1, 300)"
    )
    by_map, by_query = (
        next(o for o in _validate(address, suite) if o.rule_name == name) for name in ("the tier is known", "counts are not negative")
    )
    for outcome in (by_map, by_query):
        assert outcome.failed == 301
        assert outcome.samples == [f"creator_id={ONE}, student_id={ONE}"] * expectations.SAMPLE_SIZE


def test_rows_are_counted_in_the_database(address: str, connection: psycopg.Connection) -> None:
    """Of a table of any size no more than a sample is fetched."""
    suite = SUITES["incoming", "chat_messages"]
    _refill(connection, suite)
    connection.execute("insert into incoming.chat_messages select t.* from incoming.chat_messages as t, generate_series(1, 3000)")
    fetched: list[int] = []

    def note(connection: Any, cursor: Any, *_: Any) -> None:
        fetched.append(cursor.rowcount)

    event.listen(Engine, "after_cursor_execute", note)
    try:
        outcomes = _validate(address, replace(suite, rules=tuple(rule for rule in suite.rules if rule.rule != "keys are unique")))
    finally:
        event.remove(Engine, "after_cursor_execute", note)
    assert {(outcome.passed, outcome.evaluated) for outcome in outcomes} == {(True, 3001)}
    assert fetched and max(fetched) < 1000


def test_what_cannot_be_examined_has_not_passed(address: str, connection: psycopg.Connection) -> None:
    there = SUITES["marts", "top_questions"]
    _refill(connection, there)
    gone = replace(there, table="not_there")
    broken = replace(there, rules=(replace(there.rules[1], kwargs={"column": "not_there", "regex": "x"}), there.rules[2]))
    outcomes = _validate(address, gone, broken)
    assert [outcome.passed for outcome in outcomes] == [False] * len(gone.rules) + [False, True]
    assert all("not_there" in outcome.problem and "\n" not in outcome.problem for outcome in outcomes if not outcome.passed)


def test_a_database_that_is_not_there_passes_nothing(address: str) -> None:
    outcomes = _validate(f"{address}_gone", SUITES["marts", "top_questions"])
    assert outcomes and not any(outcome.passed for outcome in outcomes)
    assert all("does not exist" in outcome.problem for outcome in outcomes)


@pytest.mark.parametrize("escapes", [True, False], ids=["percent-encoded", "as typed"])
def test_any_password_survives(address: str, connection: psycopg.Connection, escapes: bool) -> None:
    role, password = f"gx_{uuid4().hex[:8]}", "a$HOME${b}{c}%20d\\$e"
    suite = SUITES["marts", "top_questions"]
    _refill(connection, suite)
    connection.execute(sql.SQL("create role {} login password {}").format(sql.Identifier(role), sql.Literal(password)))
    try:
        connection.execute(f"grant usage on schema marts to {role}; grant select on marts.top_questions to {role}")
        shown = "".join(f"%{ord(sign):02X}" for sign in password) if escapes else password.replace("%", "%25")
        place = address.rpartition("@")[2]
        assert all(outcome.passed for outcome in _validate(f"postgresql://{role}:{shown}@{place}", suite))
    finally:
        connection.execute(f"revoke all on marts.top_questions from {role}; revoke all on schema marts from {role}; drop role {role}")


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("postgresql+psycopg2://me:p$w@h:1/d", "postgresql+psycopg2://me:p%24w@h:1/d"),
        ("postgresql+psycopg2://me@/d?host=/run/pg", "postgresql+psycopg2://me@localhost/d?host=/run/pg"),
        ("postgresql+psycopg2:///d?host=/run/pg", "postgresql+psycopg2://localhost/d?host=/run/pg"),
    ],
)
def test_addresses_are_made_plain(given: str, plain: str) -> None:
    assert expectations.plain_url(given) == plain


def test_the_schema_stands_beside_options_that_are_there() -> None:
    given = "postgresql+psycopg2://me@h:1/d?options=-c%20timezone%3DUTC&sslmode=require"
    assert expectations.in_schema(given, "door") == (
        "postgresql+psycopg2://me@h:1/d?sslmode=require&options=-c%20timezone%3DUTC%20-csearch_path%3Ddoor"
    )


def test_connections_do_not_linger(address: str, connection: psycopg.Connection) -> None:
    """The server may end a backend a moment after its client has gone."""
    _validate(address, SUITES["marts", "top_questions"])
    ours = "datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
    until = time.monotonic() + 5
    while connection.execute(f"select exists (select from pg_stat_activity where {ours})".encode()).fetchone() == (True,):
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: f"{suite.door}.{suite.table}")
def test_each_column_has_a_rule_or_a_reason(suite: Suite) -> None:
    columns = set(_columns(suite))
    ruled = {
        column
        for rule in suite.rules
        for column in columns
        if column == rule.kwargs.get("column") or column in rule.kwargs.get("unexpected_rows_query", "").replace("(", " ").replace(",", " ").replace(")", " ").split()
    }  # fmt: skip
    assert columns - ruled == set(suite.no_rule_because)
    assert set(suite.key) <= columns
    assert all(suite.no_rule_because.values())


def test_rules_are_told_in_sentences() -> None:
    names = [(suite.door, suite.table, rule.rule) for suite, rule in RULES]
    assert len(names) == len(set(names))
    for _, rule in RULES:
        assert rule.because[0].isupper() and rule.because.endswith("."), rule
        assert len(rule.because.split()) >= 6, rule


def test_both_doors_have_their_suites() -> None:
    assert {table for door, table in SUITES if door == "marts"} == set(CATALOG.marts)
    assert {table for door, table in SUITES if door == "incoming"} == set(CATALOG.sources)
    with pytest.raises(ValueError, match="no door 'back'"):
        expectations.suites("back")


def test_reading_the_rules_does_not_import_great_expectations() -> None:
    code = "import sys, expectations; expectations.suites('marts'); assert not [m for m in sys.modules if m.startswith(('great_expectations', 'pandas'))]"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
