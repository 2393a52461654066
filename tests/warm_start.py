"""The program with everything imported: a process that starts `creator-reports` in children of its own, as often as it is asked to.

Belongs here: turning a request into a child that is like the program just started. Does not: asking, and looking at what came of it (tests/program.py).

Imports cost eight seconds of each start, the work of a small run less. A request is a datagram on a socket, JSON with `arguments` and `environment`, and three
descriptors: standard output, standard error, and a pipe on which the child's number comes back at once and its exit code at the end (negative: the signal that
ended it). When the socket's other end closes, the process ends.
"""

import gc
import importlib
import json
import os
import signal
import socket
import sys
import time

from pipelines import cli

IMPORTED = ("pipelines.jobs", "pipelines.links", "pipelines.checkup", "pipelines.restoration", "dbt.cli.main", "great_expectations")
"""What the verbs import before or while they work. Not `pipelines.console`: it looks at the terminal when it is imported."""


def serve(control: socket.socket) -> list[str]:
    """Take requests until there are no more. Returns in children only, which stand where the program stands when it begins: the arguments."""
    for name in IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a collection in a child would write to, and so copy, every object
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1 << 20, 3)
        if not message:
            os._exit(0)
        if os.fork() == 0:
            control.close()
            _mind(descriptors.pop())
            return _begin(json.loads(message), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _mind(status: int) -> None:
    """Fork once more, and return in the child: its parent has nothing to do but to wait and to tell."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child:
        os.write(status, f"{child}\n".encode())
        os.write(status, f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n".encode())
        os._exit(0)
    os.close(status)


def _begin(request: dict, outputs: list[int]) -> list[str]:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, descriptor in enumerate(outputs, 1):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    return request["arguments"]


def main(descriptor: int) -> None:
    """The process: at first the server, then in each child the program."""
    sys.argv = ["creator-reports", *serve(socket.socket(fileno=descriptor))]
    cli.main()
