"""The list of an edition's files, `manifest.json`, written when all of them are there.

Belongs here: what it says, when it is written. Does not: the files.
"""

import hashlib
import json
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import psycopg

from pipelines import export_log
from pipelines.export_log import Entry
from pipelines.problem import one_line
from pipelines.store import Store, manifest_key

NAME = "manifest"
"""Under which the log notes it, as it notes a report."""


@dataclass(frozen=True)
class Manifest:
    """A creator's edition, `daily` or `weekly`, and the outcomes of its files: at least one, none of them failed."""

    creator_id: str
    cadence: str
    files: Sequence[Entry]

    @property
    def content(self) -> bytes:
        """The list as JSON."""
        first = self.files[0]
        listed: dict[str, Any] = {
            "creator_id": self.creator_id,
            "edition": self.cadence,
            "edition_on": str(first.edition_on),
            "as_of": _instant(first.as_of),
            "complete_through": _instant(first.complete_through),
            "files": [
                {
                    "report": file.report,
                    "format": file.format,
                    "key": file.object_key,
                    "sha256": file.sha256,
                    "bytes": file.byte_count,
                    "rows": file.row_count,
                    "as_of": _instant(file.as_of),
                }
                for file in self.files
            ],
        }
        return (json.dumps(listed, indent=1) + "\n").encode()


def write(
    store: Store,
    log: psycopg.Connection,
    manifest: Manifest,
    generation: str,
    revoked: Container[str],
) -> None:
    """Upload the manifest, with its rows in the log, unless the same one is there. Nothing else of the edition is written after it."""
    content = manifest.content
    sha256 = hashlib.sha256(content).hexdigest()
    first, name = manifest.files[0], f"{NAME}-{manifest.cadence}"
    assert first.edition_on is not None  # files of an edition have its day
    key = manifest_key(manifest.creator_id, generation, first.edition_on, manifest.cadence, revoked=revoked)
    if export_log.digest_at(log, manifest.creator_id, name, key) == sha256 and store.can_keep(key, generation, revoked):
        return
    started = replace(
        first, export_id=export_log.new_export_id(), event="started", report=name, format="json", row_count=len(manifest.files),
        byte_count=len(content), sha256=sha256, object_key=key, content_digest=sha256,
    )  # fmt: skip
    export_log.record(log, started)
    try:
        store.put(key, content, "application/json", 'attachment; filename="manifest.json"')
    except Exception as error:
        export_log.record(log, replace(started, event="failed", reason=one_line(error)))
        raise
    export_log.record(log, replace(started, event="finished"))


def _instant(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
