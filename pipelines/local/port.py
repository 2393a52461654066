"""Ports on 127.0.0.1: free ones, taken ones and by whom.

Belongs here: questions about ports to the operating system. Does not: which ports are remembered (folder).
"""

import errno
import secrets
import socket
import time
from collections.abc import Sequence

import psutil

from pipelines.problem import Problem

LOWEST, HIGHEST = 12768, 22767
"""With their twins below the range from which systems take ports for outgoing connections, so that a remembered port stays free."""

PATIENCE_SECONDS = 2

TWIN = 10000
"""SeaweedFS opens a second, inner port this far above some of its ports."""


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1 at this port (as servers do it: over connections that are just closing)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def has_free_twin(port: int) -> bool:
    """Whether a server could listen at this port and at the one 10,000 above."""
    return is_free(port) and port + TWIN < 65536 and is_free(port + TWIN)


def comes_free(ports: Sequence[int]) -> bool:
    """Whether the ports are free, or become so in a moment: a server that was killed just now still holds them while it ends."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not all(is_free(port) for port in ports):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def choose_port(taken: set[int]) -> int:
    """A port on which nothing listens, nor on its twin, and which is not among those taken.

    Raises:
        Problem: none was found.
    """
    for _ in range(1000):
        port = LOWEST + secrets.randbelow(HIGHEST - LOWEST + 1)
        if port not in taken and has_free_twin(port):
            return port
    raise Problem(f"no free port on 127.0.0.1 between {LOWEST} and {HIGHEST}; end programs that listen there.")


def require_free(title: str, service: str, port: int) -> None:
    """Refuse a port that is taken. It does not change silently: BI tools and signed links know it.

    Raises:
        Problem: another program listens there.
    """
    if not comes_free([port]):
        todo = f'end that program, or write another "{service}" port into ports.json; then run the command again'
        raise Problem(f"port {port} of {title} is taken by {find_owner(port)}; {todo}.")


def find_owner(port: int) -> str:
    """Who listens on the port, for people: `name (pid N)`, or `another program` when the system does not tell."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and tuple(connection.laddr)[1:] == (port,) and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return "another program"
    return "another program"
