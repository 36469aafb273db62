"""numba's cache on disk, for kernels that are made of more files than their own."""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache, IndexDataCacheFile


class KernelCache(FunctionCache):
    """numba's cache of one function, whose compiled code is stale as soon as any file of this folder has changed.

    numba looks at the function's own file. Compiled into it are also the functions that it calls, the code that
    intrinsics generate, and numbers, from other modules: all of them are in this folder.

    Args:
        function: as it was before it was compiled.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]
        stamp = self._impl.locator.get_source_stamp(), _digest()
        self._cache_file = IndexDataCacheFile(self.cache_path, self._impl.filename_base, stamp)  # type: ignore[no-untyped-call]


@cache
def _digest() -> bytes:
    """Of this folder's sources."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(hashlib.sha256(source.read_bytes()).digest() for source in sources)).digest()
