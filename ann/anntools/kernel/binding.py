"""The compiled functions; ctypes lets go of the interpreter lock while they run."""

import ctypes
from functools import lru_cache

from ann.anntools.errors import KernelUnavailableError
from ann.anntools.kernel.builder import library
from ann.anntools.kernel.structures import Job

_POINTER = ctypes.c_void_p
_NUMBER = ctypes.c_int64
_PROTOTYPES = {
    "anntools_scan": (_POINTER, _NUMBER, _NUMBER, _NUMBER, _POINTER, _POINTER, _NUMBER, _POINTER),
    "anntools_runs": (_POINTER, _POINTER, _NUMBER, _POINTER),
    "anntools_resolve": (ctypes.POINTER(Job),),
    "anntools_pairs": (ctypes.POINTER(Job),),
    "anntools_render": (ctypes.POINTER(Job),),
}


@lru_cache(maxsize=1)
def kernel() -> ctypes.CDLL:
    """The library, compiled on first use."""
    path = library()
    try:
        loaded = ctypes.CDLL(str(path))
    except OSError as error:
        raise KernelUnavailableError(f"{path.name} cannot be loaded: {error}") from error
    for name, arguments in _PROTOTYPES.items():
        function = getattr(loaded, name)
        function.argtypes = arguments
        function.restype = _NUMBER
    return loaded
