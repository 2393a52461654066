"""A proxy in front of the real store whose clock is off: it passes everything on and shifts the `Date` of the answers.

Belongs here: the proxy. Does not: what a store's clock has to do with links (tests/test_links.py).
"""

import http.client
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import urlsplit


@contextmanager
def shifted_store(endpoint: str, shift: timedelta) -> Iterator[str]:
    """The address of a store that is the one at `endpoint`, but for its clock, which is `shift` ahead of that one's."""
    target = urlsplit(endpoint).netloc

    class Handler(http.server.BaseHTTPRequestHandler):
        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            connection = http.client.HTTPConnection(target)
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            data = answer.read()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() == "date":
                    self.send_header("Date", format_datetime(parsedate_to_datetime(value) + shift, usegmt=True))
                elif name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", answer.getheader("Content-Length") or str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = _pass  # noqa: N815 # the names that http.server wants

        def log_message(self, format: str, *args: object) -> None:
            """Tests are silent."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
