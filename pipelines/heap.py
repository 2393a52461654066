"""How the C library keeps what was freed: for processes that need much memory for a while.

Belongs here: options of the allocator. Does not: what needs the memory.
"""

import ctypes
import gc
from contextlib import suppress

_MMAP_THRESHOLD, _ARENA_MAX = -3, -8
"""The names of glibc's options for mallopt, in malloc.h."""
_LARGE = 1 << 20


def share() -> None:
    """Let threads share the main heap: each would get one of its own, and keep what it has freed there."""
    _set(_ARENA_MAX, 1)


def give_back() -> None:
    """The same, and large blocks go back to the system when they are freed: what was used is not kept beside what comes next."""
    _set(_MMAP_THRESHOLD, _LARGE)
    share()


def trim() -> None:
    """Give back now what is free between the blocks that are not."""
    gc.collect()
    with suppress(OSError, AttributeError):  # as below
        ctypes.CDLL(None).malloc_trim(0)


def _set(option: int, value: int) -> None:
    with suppress(OSError, AttributeError):  # another C library has its own ways
        ctypes.CDLL(None).mallopt(option, value)
