"""Loading: time for MNIST and for a CSV file of 60,000 rows, and the peak memory."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.report import Goal, begin, conclude, table
from dataset import available

ROWS = 60_000
# The peak of a process of its own: VmHWM where there is /proc, because ru_maxrss counts the
# parent's memory there.
PROGRAM = """
import re, sys, time
from pathlib import Path
start = time.perf_counter()
from dataset import load_digits
imported = time.perf_counter()
load_digits(sys.argv[1])
loaded = time.perf_counter()
status = Path("/proc/self/status")
if status.exists():
    megabytes = int(re.search(r"VmHWM:\\s*(\\d+) kB", status.read_text())[1]) / 1024
else:
    import resource
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)
print(loaded - imported, megabytes)
"""


def measure_loading(source: str) -> tuple[float, float]:
    """Seconds for `load_digits(source)`, imports aside, and megabytes of the whole process at its
    peak.
    """
    seconds, megabytes = subprocess.check_output([sys.executable, "-c", PROGRAM, source], text=True).split()
    return float(seconds), float(megabytes)


def write_large_csv(path: Path) -> Path:
    """60,000 rows as long as MNIST's: a fifth of the pixels are ink."""
    rows = np.zeros((1000, 785), np.uint8)
    rows[:, 0] = np.arange(1000) % 10
    rows[:, 300:456] = np.arange(1000 * 156).reshape(1000, 156) % 256
    with path.open("w") as file:
        for block in range(ROWS // 1000):
            rows[:, 400] = block
            np.savetxt(file, rows, fmt="%d", delimiter=",")
    return path


def main() -> None:
    lines = []
    if available("mnist"):
        lines.append(("MNIST's 60,000 training digits", *measure_loading("mnist")))
    else:
        print("MNIST is not on this computer: set DIGITS_DATA, or run `digits data download mnist`.")
    with tempfile.TemporaryDirectory() as folder:
        path = write_large_csv(Path(folder) / "large.csv")
        os.environ["XDG_CACHE_HOME"] = folder
        megabytes = path.stat().st_size / 1e6
        lines.append((f"A CSV file of 60,000 rows ({megabytes:.0f} MB), first time", *measure_loading(str(path))))
        lines.append(("The same from its cached copy", *measure_loading(str(path))))
    begin("Loading digits", "In a process of its own; its highest memory, Python and NumPy included.")
    print(table(("data", "time", "peak memory"), [(what, f"{s:.2f} s", f"{mb:.0f} MB") for what, s, mb in lines]))
    conclude(
        *(Goal(f"loading: {what}", seconds, 0.5, None, " s") for what, seconds, _ in lines if "MNIST" in what),
        Goal("loading: highest memory", max(megabytes for *_, megabytes in lines), 250, None, " MB", 0),
    )


if __name__ == "__main__":
    main()
