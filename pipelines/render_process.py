"""A process that renders, from its first moment.

Belongs here: what has to be settled before anything large is imported. Does not: the work (render, creator_files); nothing of ours is imported
at the top, or it would come too early.
"""

import gc
import multiprocessing
import os
import pickle
import sys
import threading
from collections.abc import Sequence
from multiprocessing.connection import wait

_UNUSED = frozenset({"numpy", "pandas"})
"""pyarrow imports them wherever they are installed, for types that no report has: a quarter of the process's memory."""


class _Refusal:
    """Finds no module in `_UNUSED`, as if they were not installed."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: object = None) -> None:
        """Called by the import system before its own finders."""
        if name in _UNUSED:
            raise ModuleNotFoundError(f"a process that renders does without {name}", name=name)


def _keep_small() -> None:
    """Let threads share the main heap, and Arrow use that heap too, on one thread."""
    from pipelines import heap

    heap.share()
    import pyarrow

    pyarrow.set_memory_pool(pyarrow.system_memory_pool())
    pyarrow.set_cpu_count(1)  # there is a process per core


def settle() -> None:
    """Settle it; to be called before anything large is imported."""
    sys.meta_path.insert(0, _Refusal())  # pyrefly: ignore[bad-argument-type]  a finder needs no more than this
    _keep_small()


def end_with_parent() -> None:
    """End as soon as the run's process has: killed, it takes nobody along, and a pool's process would wait for its next shard for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # we were started by one

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def start(pickled: bytes) -> None:
    """Make the process's worker of pickled settings, catalogue and order. They are bytes here, since reading them imports nearly everything."""
    settle()
    end_with_parent()
    from pipelines import render

    render.start_worker(*pickle.loads(pickled))  # noqa: S301  bytes of our own process
    gc.freeze()  # what is imported stays: not looked through again
