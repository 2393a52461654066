"""Room on the disk.

Belongs here: how much the embedded servers need. Does not: what happens when a disk fills up later (their errors say so).
"""

import shutil
from pathlib import Path

from pipelines.problem import Problem

MINIMUM_BYTES = 500_000_000
"""Free space below which nothing is started."""

READ_ONLY_PERCENT = 1
"""SeaweedFS takes no more objects when less than this share of a disk is free, however large the disk."""


def require_space(*folders: Path, gigabytes: float = 0) -> None:
    """Refuse to start on a disk that is nearly full: both servers fail halfway on it. `gigabytes`: what a folder will hold, with what it holds already.

    Raises:
        Problem: too little room.
    """
    for folder in folders:
        disk = shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists()))
        needed = max(MINIMUM_BYTES, disk.total * READ_ONLY_PERCENT // 100 + MINIMUM_BYTES // 2)
        if gigabytes:
            there = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) if folder.exists() else 0
            needed += max(int(gigabytes * 1e9) - there, 0)
        if disk.free < needed:
            free, wanted = disk.free // 1_000_000, needed // 1_000_000
            raise Problem(f"the disk of {folder} has {free} MB free, {wanted} are needed; make room, or set LOCAL_DIR to another disk.")
