"""Full disk: how it is recognised, and how a status is written when nothing new can be."""

import errno
import os
import shutil
from pathlib import Path

DISK_FULL = "The disk is full. Free some space, then resume or start again; saved checkpoints and results are kept."
ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # no space, quota used up, size of files limited
FULL_BYTES = 64 * 1024  # a disk with less free space than this counts as full
BLOCK = 512  # bytes; the unit in which the system counts the space of a file


def is_disk_full(error: OSError) -> bool:
    """Whether an error means that there is no space left."""
    return error.errno in ERRORS


def has_no_space(folder: Path) -> bool:
    """Whether the disk of this folder is full."""
    try:
        return shutil.disk_usage(folder).free < FULL_BYTES
    except OSError:
        return False


def overwrite(path: Path, text: bytes) -> None:
    """Overwrite a JSON file in place, which needs no new space on most file systems.

    Raises OSError where the text does not fit into the space that the file has.
    """
    with path.open("r+b", buffering=0) as file:
        about = os.fstat(file.fileno())
        if len(text) > about.st_blocks * BLOCK:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        file.write(text.ljust(about.st_size))  # JSON allows spaces at the end
