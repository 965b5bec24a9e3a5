"""How the C library's allocator behaves: a decision of an application, never of the library.

glibc gives every block above 32 MB back to the system as soon as it is freed and asks for it again
at the next operation, and the system clears each page anew. Networks that work on large maps spend
as much time on that as on arithmetic. `app.py` and the command line keep freed memory instead;
results are the same to the bit, and the process stays as large as it once was.
"""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # names and numbers of malloc.h
NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell glibc to reuse freed memory; False where there is no glibc and nothing was changed."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
        ctypes.CDLL(None).gnu_get_libc_version  # noqa: B018 - musl has neither of the two names
    except (AttributeError, OSError):
        return False
    mallopt.argtypes = (ctypes.c_int, ctypes.c_int)
    mallopt.restype = ctypes.c_int
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, NEVER))
