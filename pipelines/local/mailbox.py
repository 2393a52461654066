"""A real mail server that keeps each message as a file, for the embedded world: nothing is sent on.

Belongs here: the server and its folder. Does not: mails of ours (delivery), alerts.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

from pipelines.local.port import choose_port
from pipelines.settings import export_environment

FOLDER = "mail"
"""Below LOCAL_DIR: one `.eml` per message, named by its number, readable by its owner only, since mails hold links."""


class _Keeper:
    """Writes each message down before the server answers 250."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 # aiosmtpd's name for it
        number = len(list(self._folder.glob("*.eml"))) + 1
        path = self._folder / f"{number:05}.eml"
        path.touch(mode=0o600)
        path.write_bytes(envelope.original_content)
        return "250 kept"


@contextmanager
def served(folder: Path, say: Callable[[str], None] = lambda line: None) -> Iterator[Path]:
    """Serve on a free port of 127.0.0.1 while the block runs, and point our mail settings (and children's) at it. Gives the folder of the mails."""
    place = folder.resolve() / FOLDER
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    port = choose_port(set())
    controller = Controller(_Keeper(place), hostname="127.0.0.1", port=port)
    controller.start()
    export_environment({"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(port), "SMTP_TLS": "none"})
    say(f"mails are kept in {place}, none is sent on")
    try:
        yield place
    finally:
        controller.stop()
