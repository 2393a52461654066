"""What the pages of the platform's app ask, as functions of `analytics` (pages.sql): made with the tables that they read.

Belongs here: when the functions are made, and who may call them. Does not: the tables (published_tables), what the functions say (pages.sql).
"""

from pathlib import Path

import psycopg
from psycopg import sql

from pipelines import warehouse

TABLES = frozenset(
    {
        "content_topics",
        "creator_overview",
        "daily_activity",
        "progress",
        "quiz_results",
        "recommendations",
        "revenue_overview",
        "student_engagement_tiers",
        "tier_transitions",
        "video_analytics",
    }
)
"""The published tables that the functions read."""
READERS = ("bi_reader", "report_renderer", "creator_reader")

STATEMENTS = Path(__file__).with_name("pages.sql")


def make(connection: psycopg.Connection) -> None:
    """Make the functions, or renew them: for the readers of the tables, and nobody else. The tables must be there."""
    connection.execute(STATEMENTS.read_bytes())
    for (signature,) in connection.execute(
        "select oid::regprocedure::text from pg_proc where pronamespace = 'analytics'::regnamespace and proowner = current_user::regrole"
    ).fetchall():
        readers = sql.SQL(", ").join(map(sql.Identifier, READERS))
        function = warehouse.trusted_sql(signature)  # as Postgres itself writes it
        connection.execute(sql.SQL("revoke execute on function {} from public").format(function))
        connection.execute(sql.SQL("grant execute on function {} to {}").format(function, readers))
