"""Reports and links of a small source in this process, and opening links as anybody on the net would.

Belongs here: rendering, minting, opening and forging. Does not: sources (small_source), runs (steps), assertions.
"""

import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import UUID

from pipelines import links, render, warehouse
from pipelines.creator_files import Order, Tally
from pipelines.settings import Settings
from tests.small_source import CATALOG


def deliver(settings: Settings, *creators: UUID, reports: tuple[str, ...] = ("students", "report")) -> Tally:
    """Render and upload the files of these creators."""
    with warehouse.connect(settings) as connection:
        row = connection.execute("select max(as_of) from analytics.published").fetchone()
    edition = row[0].date() if row else datetime.now(UTC).date()
    return render.render_all(settings, CATALOG, Order(uuid.uuid4().hex, "test", edition, reports), [str(creator) for creator in creators])


def mint(settings: Settings, creator: UUID, lifetime: timedelta = timedelta(minutes=10)) -> dict[tuple[str, str], str]:
    """Links of a creator by report and format."""
    found = links.mint(settings, [str(creator)], lifetime=lifetime, requested_by="test")
    return {(link.report, link.format): link.url for link in found}


def open_link(url: str, method: str = "GET") -> tuple[int, bytes]:
    """The status of a link, and what it gives."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, b""


def forge(url: str, path: str | None = None, **changes: str) -> str:
    """The link with another path, or with other values in its query."""
    parts = urlsplit(url)
    query = urlencode(dict(parse_qsl(parts.query)) | changes)
    return urlunsplit(parts._replace(path=path or parts.path, query=query))
