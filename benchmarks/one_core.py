"""One core and one thread for this process and its children. Import it before NumPy and PyTorch.

What is compared should have the same, and JAX can be held to one thread in no other way. OpenBLAS
is set free of variables that hold it to the instructions of an older processor, as some
environments do for the sake of equal bits: PyTorch and JAX use what there is.
DIGIT_LAB_KERNELS=Haswell measures with those instead.
"""

import os

for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(variable, None)
if "DIGIT_LAB_KERNELS" in os.environ:
    os.environ["OPENBLAS_CORETYPE"] = os.environ["DIGIT_LAB_KERNELS"]
os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
os.environ["JAX_PLATFORMS"] = "cpu"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # the last: the system works on the first, if anywhere
