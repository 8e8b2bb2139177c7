"""Which matrix product a program calls: our own, or the BLAS that SciPy brings along."""

from __future__ import annotations

import sys
from collections.abc import Callable

from ..kernels import matmul, matmul_bfloat16, windows, windows_bfloat16
from ..system.blas import blas_address
from .processor import processor_has
from .store import address_of

__all__ = [
    "OWN_ROWS",
    "channel_windows_address",
    "gemm_address",
    "multiplies_pairs",
    "own_gemm_address",
    "summing_windows_address",
    "windows_address",
]

OWN_ROWS = sys.maxsize if processor_has("avx512f") else 192
"""Rows of a batch up to which our own product is as quick as BLAS, or quicker.

With AVX-512 for any number, as measured on Zen 5, where OpenBLAS has nothing beyond AVX2.
"""


def gemm_address(dtype: str, rows: int) -> int:
    """Return the address of the ``?gemm`` to use for batches of ``rows``: ours, or SciPy's.

    ``dtype`` may be "bfloat16", for float32 matrices that are rounded to that.
    """
    own = rows <= OWN_ROWS or dtype == "bfloat16"
    return own_gemm_address(dtype) if own else blas_address(dtype)


def own_gemm_address(dtype: str) -> int:
    """Return the address of our own matrix product, which is called as BLAS ``?gemm`` is.

    That for bfloat16 takes float32 matrices, and rounds them.
    """
    if dtype == "bfloat16":
        return _address(matmul_bfloat16.gemm, "float32", dtype)
    return _address(matmul.gemm, dtype, dtype)


def windows_address(dtype: str) -> int:
    """Return the address of the product under a convolution (`steepest.kernels.windows`).

    That for "bfloat16" takes pairs (`steepest.kernels.windows_bfloat16`).
    """
    if dtype == "bfloat16":
        return _address(windows_bfloat16.windows, "float32", dtype)
    return _address(windows.windows, dtype, dtype)


def channel_windows_address(dtype: str) -> int:
    """Return the address of that under a convolution of channels one by one."""
    return _address(windows.channel_windows, dtype, dtype)


def summing_windows_address(dtype: str) -> int:
    """Return the address of the product of channels one by one that sums B, too."""
    return _address(windows.summing_windows, dtype, dtype)


def multiplies_pairs() -> bool:
    """Whether the processor multiplies pairs of bfloat16 in one instruction."""
    return processor_has("avx512f") and processor_has("avx512bf16")


def _address(product: Callable[..., None], kind: str, name: str) -> int:
    """Return the address of a product of matrices of ``kind``, stored under ``name``."""

    def compile_it(symbol: str) -> bytes:
        from .compile import blas_code

        return blas_code(product, kind, symbol)

    return address_of(product, (name,), compile_it)
