"""A real mail server for tests, that misbehaves where it is told to.

Belongs here: the server, what it kept, how it fails. Does not: assertions.
"""

import asyncio
import email
import email.policy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from pipelines.local.port import choose_port

Reply = str | Callable[[], str] | float | None
"""An answer instead of 250; a function that gives one (or acts, and gives 250); seconds to wait before 250; None drops the connection."""


@dataclass
class Catcher:
    """`replies` holds what is answered to a command (`MAIL`, `RCPT`, `DATA`) instead of 250, one after the other; then all is well."""

    port: int
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    mails: list[EmailMessage] = field(default_factory=list)

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802 # aiosmtpd's name
        envelope.mail_from = address
        return await self._answer(server, "MAIL", "250 OK")

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802 # aiosmtpd's name
        envelope.rcpt_tos.append(address)
        return await self._answer(server, "RCPT", "250 OK")

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 # aiosmtpd's name
        answer = await self._answer(server, "DATA", "250 kept")
        if answer.startswith("250"):
            parsed = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
            assert isinstance(parsed, EmailMessage)
            self.mails.append(parsed)
        return answer

    async def _answer(self, server: Any, command: str, usual: str) -> str:
        queue = self.replies.get(command)
        reply = queue.pop(0) if queue else usual
        if reply is None:
            server.transport.abort()
            return "421 gone"
        if isinstance(reply, float):
            await asyncio.sleep(reply)
            return "451 too late"
        return reply if isinstance(reply, str) else reply()


@contextmanager
def served(**options: Any) -> Iterator[Catcher]:
    """A catcher that listens on 127.0.0.1 while the block runs; `options` of aiosmtpd's controller (TLS, logins)."""
    catcher = Catcher(choose_port(set()))
    controller = Controller(catcher, hostname="127.0.0.1", port=catcher.port, **options)
    controller.start()
    try:
        yield catcher
    finally:
        controller.stop()
