"""What a process spends on the parts of its work: wall clock, processor time, memory.

Belongs here: taking these figures. Does not: what the parts are (creator_files).
"""

import resource
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_STATUS = Path("/proc/self/status")


@dataclass
class Spending:
    """Seconds by part, by the clock and of the processor (all threads of the process), and the peak of the process's resident memory in MB."""

    wall: Counter[str] = field(default_factory=Counter)
    cpu: Counter[str] = field(default_factory=Counter)
    peak_mb: int = 0

    @contextmanager
    def on(self, part: str) -> Iterator[None]:
        """Book what happens inside to `part`."""
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.wall[part] += time.perf_counter() - wall  # pyrefly: ignore[unsupported-operation]  a Counter adds up seconds as well
            self.cpu[part] += time.process_time() - cpu  # pyrefly: ignore[unsupported-operation]

    @contextmanager
    def on_rest(self) -> Iterator[None]:
        """Book to `rest` what happens inside and is booked to no other part."""
        before, whole = (self.wall.copy(), self.cpu.copy()), Spending()
        with whole.on("rest"):
            yield
        for spent, all_of_it, was in zip((self.wall, self.cpu), (whole.wall, whole.cpu), before, strict=True):
            spent["rest"] += all_of_it["rest"] - sum(spent.values()) + sum(was.values())

    def add(self, other: "Spending") -> None:
        """Take in what another process, or this one for other creators, spent."""
        self.wall.update(other.wall)
        self.cpu.update(other.cpu)
        self.peak_mb = max(self.peak_mb, other.peak_mb)


def peak_mb() -> int:
    """The peak of this program's resident memory in MB. Linux's own count begins anew with a program; that of `getrusage` takes over its parent's."""
    if _STATUS.exists():
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
