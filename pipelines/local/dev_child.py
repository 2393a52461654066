"""A program of Dagster's that ends with the `dev` that started it: `python -m pipelines.local.dev_child PROGRAM ARGUMENTS`.

Belongs here: noticing that `dev` is gone. Does not: starting and stopping in order (dev); nothing of ours is imported, it would come on top of the program.
"""

import os
import runpy
import signal
import sys
import threading


def end_with_parent() -> None:
    """End, with all processes of our group, as soon as the other end of our standard input is closed: killed, `dev` stops nobody, and a second one's
    daemon would start every scheduled run once more. At once, since the next `dev` may come at once; runs are made to be killed."""
    parent = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def watch() -> None:
        os.read(parent, 1)  # nobody writes: it returns when the last writer is gone
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    end_with_parent()
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")
