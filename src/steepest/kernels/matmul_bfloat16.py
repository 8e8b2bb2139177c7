"""The matrix product C ← α A B + β C with A and B rounded to bfloat16, and sums in float32.

``gemm`` is called as `steepest.kernels.matmul.gemm`, and calls the framework of that file with
micro-kernels for pairs (`steepest.kernels.bfloat16`) and packing that rounds
(`steepest.kernels.packing_bfloat16`). Both matrices are copied: two numbers that follow one another
in a sum lie side by side then. Bytes and multiplications are halved so.
"""

from __future__ import annotations

import numpy as np

from .bfloat16 import multiply_edge_of_pairs, multiply_pairs
from .matmul import multiply_blocks, read_arguments
from .packing_bfloat16 import pack_block, pack_panel

__all__ = ["gemm"]


LIKE = np.float32(0)
"""A number of the matrices' type. The compiler puts in one of the type that is wanted."""


def gemm(
    at_trans_b: int,
    at_trans_a: int,
    at_n: int,
    at_m: int,
    at_k: int,
    at_alpha: int,
    b: int,
    at_ldb: int,
    a: int,
    at_lda: int,
    at_beta: int,
    c: int,
    at_ldc: int,
) -> None:
    """C = alpha A B + beta C, for float32 numbers, called as `steepest.kernels.matmul.gemm`."""
    at_a, at_b = (a, at_lda, at_trans_a), (b, at_ldb, at_trans_b)
    shape, scales, matrices = read_arguments(
        LIKE, (at_m, at_n, at_k), (at_alpha, at_beta), at_a, at_b, (c, at_ldc)
    )
    plan = 2, 4, False, False
    multiply_blocks(
        shape,
        scales,
        matrices,
        plan,
        pack_block,
        pack_panel,
        multiply_pairs,
        multiply_edge_of_pairs,
    )
