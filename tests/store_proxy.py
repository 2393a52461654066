"""Proxies in front of the real store: one whose clock is off, one of whose calls some fail.

Belongs here: the proxies. Does not: what a store's clock has to do with links (tests/test_links.py), what comes of failures (tests/test_store_failures.py).
"""

import http.client
import http.server
import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import urlsplit


class _Handler(http.server.BaseHTTPRequestHandler):
    """Passes everything on to `target`. Subclasses change the answer, or lose it."""

    protocol_version = "HTTP/1.1"
    target: str

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.give(*self.ask(body))

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = _pass  # noqa: N815 # the names that http.server wants

    def ask(self, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        """What the store answers."""
        connection = http.client.HTTPConnection(self.target)
        try:
            connection.request(self.command, self.path, body, {name: value for name, value in self.headers.items() if name != "Expect"})
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def give(self, answer: http.client.HTTPResponse, data: bytes) -> None:
        """Pass an answer on."""
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                self.send_header(name, self.changed(name, value))
        self.send_header("Content-Length", answer.getheader("Content-Length") or str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def changed(self, name: str, value: str) -> str:
        """A header of the answer as it is passed on."""
        return value

    def log_message(self, format: str, *args: object) -> None:
        """Tests are silent."""


@contextmanager
def shifted_store(endpoint: str, shift: timedelta) -> Iterator[str]:
    """The address of a store that is the one at `endpoint`, but for its clock, which is `shift` ahead of that one's."""

    class Shifted(_Handler):
        target = urlsplit(endpoint).netloc

        def changed(self, name: str, value: str) -> str:
            return format_datetime(parsedate_to_datetime(value) + shift, usegmt=True) if name.lower() == "date" else value

    with _served(Shifted) as address:
        yield address


@dataclass
class FailingStore:
    """A store that fails: its address, how many calls it had, and how many of them failed in which way."""

    address: str = ""
    calls: itertools.count = field(default_factory=lambda: itertools.count(1))
    failures: Counter[str] = field(default_factory=Counter)


@contextmanager
def failing_store(endpoint: str, every: int) -> Iterator[FailingStore]:
    """The store at `endpoint`, but each call whose number `every` divides fails: refused as busy, broken after the work was done, or without an answer."""
    store = FailingStore()
    ways = itertools.cycle(["503 before the work", "500 after the work", "cut off before the work", "cut off after the work"])

    class Failing(_Handler):
        target = urlsplit(endpoint).netloc

        def _pass(self) -> None:
            if next(store.calls) % every:
                return super()._pass()
            way = next(ways)
            store.failures[way] += 1
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if way.endswith("after the work"):
                self.ask(body)
            self.close_connection = True
            if not way.startswith("cut off"):
                self.send_response_only(int(way[:3]))
                self.send_header("Content-Length", "0")
                self.end_headers()
            return None

        do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = _pass  # noqa: N815

    with _served(Failing) as store.address:
        yield store


@contextmanager
def _served(handler: type[_Handler]) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
