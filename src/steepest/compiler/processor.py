"""What the processor offers, as LLVM says it.

It stands here and not in `steepest.system`, since only this folder knows LLVM.
"""

from __future__ import annotations

import llvmlite.binding as llvm

__all__ = ["processor_has"]


def processor_has(feature: str) -> bool:
    """Whether the processor has what LLVM calls by this name, like ``avx512f``."""
    return bool(llvm.get_host_cpu_features().get(feature, False))
