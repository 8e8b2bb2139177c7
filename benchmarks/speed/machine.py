"""What the machine can do at most: products, and bytes between caches, memory and cores."""

from __future__ import annotations

import ctypes
import os
import platform
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numba
import numpy as np
from threadpoolctl import threadpool_limits

from steepest.compiler.gemm import own_gemm_address
from steepest.compiler.processor import processor_has

MIB = 1 << 20
SIZES = [1 << k for k in range(14, 29, 2)]  # 16 KiB to 256 MiB


@dataclass
class Limits:
    """FLOP/s of a large product, and bytes/s; ``update`` by the bytes worked on.

    ``gemm`` is the quicker one of NumPy's BLAS and ours, in float32; ``bf16`` is ours, and 0 where
    the processor has no such products.
    ``line_one`` is the seconds for a cache line at a random place, where many are under way.
    """

    cpu: str
    cores: int
    gemm_one: float
    gemm_all: float
    bf16_one: float
    bf16_all: float
    read_one: float
    read_all: float
    copy_one: float
    copy_all: float
    line_one: float
    update: dict[int, float]

    def bandwidth(self, working_set: float) -> float:
        """Return the bytes/s of one core reading and writing within so many bytes."""
        fitting = [size for size in self.update if size >= working_set]
        return self.update[min(fitting, default=max(self.update))]

    def fraction(self, work, seconds: float) -> float:
        """Return the least time that the machine needs, by products or by bytes, over ``seconds``.

        All cores multiply. Bytes count at the speed of the memory where the data are larger than
        any cache, and else at that of the cache that holds them, for one core.
        """
        rate = self.bf16_all if getattr(work, "bf16", False) else self.gemm_all
        memory = work.working_set >= max(self.update)
        bandwidth = self.copy_all if memory else self.bandwidth(work.working_set)
        return max(work.flops / rate, work.nbytes / bandwidth) / seconds

    def asdict(self) -> dict:
        return asdict(self)

    def __str__(self) -> str:
        rates = ", ".join(
            f"{rate / 1e9:.0f} in {size // 1024:,} KiB" for size, rate in self.update.items()
        )
        bf16 = f"; bf16: {self.bf16_one / 1e9:.0f} and {self.bf16_all / 1e9:.0f}"
        return (
            f"{self.cpu}, {self.cores} cores\n"
            f"float32 product: {self.gemm_one / 1e9:.0f} GFLOP/s on one core, "
            f"{self.gemm_all / 1e9:.0f} on all{bf16 if self.bf16_all else ''}\n"
            f"memory: reading {self.read_one / 1e9:.1f} GB/s on one core, "
            f"{self.read_all / 1e9:.1f} on all; copying {self.copy_one / 1e9:.1f} and "
            f"{self.copy_all / 1e9:.1f} (bytes read and written); "
            f"a cache line at a random place {self.line_one * 1e9:.1f} ns\n"
            f"updating in place, one core, GB/s read and written: {rates}"
        )


def cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def has_bf16() -> bool:
    """Whether this processor multiplies bfloat16 numbers as our product wants them."""
    return processor_has("avx512bf16")


def limits(*, quick: bool) -> Limits:
    """Measure; ``quick`` only goes through the motions."""
    size = 256 if quick else 2000
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    sizes = SIZES[:3] if quick else SIZES
    gemm, bf16 = {}, {}
    for threads in (1, cores):
        gemm[threads] = max(blas_rate(size, threads), product_rate("float32", size, threads))
        bf16[threads] = product_rate("bfloat16", size, threads) if has_bf16() else 0.0
    found = {
        (name, threads): memory_rate(name, sizes[-1], threads)
        for name in ("read", "copy")
        for threads in (1, cores)
    }
    return Limits(
        cpu_name(), cores, gemm[1], gemm[cores], bf16[1], bf16[cores],
        found["read", 1], found["read", cores], found["copy", 1], found["copy", cores],
        line_seconds(sizes[-1]),
        {n: memory_rate("update", n, 1) for n in sizes},
    )  # fmt: skip


def fastest(function, times: int = 7) -> float:
    """Return the seconds of the fastest of a few calls."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        function()
        found.append(time.perf_counter() - began)
    return min(found)


def blas_rate(size: int, threads: int) -> float:
    """Return the FLOP/s of NumPy's product of square matrices."""
    A = np.random.default_rng(0).standard_normal((size, size)).astype(np.float32)
    with threadpool_limits(threads):
        return 2 * size**3 / fastest(lambda: A @ A)


def product_rate(dtype: str, size: int, threads: int) -> float:
    """Return the FLOP/s of our own, where each thread computes some of the columns."""
    A = np.random.default_rng(0).standard_normal((size, size)).astype(np.float32)
    C = np.empty_like(A)
    product = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 13)(own_gemm_address(dtype))
    wide = -(-size // threads)
    flags = np.array([ord("N"), ord("N")], np.uint8)
    numbers, factors = np.array([wide, size], np.int32), np.array([1, 0], np.float32)

    def columns(begin: int) -> None:
        turned, n = flags.ctypes.data, numbers.ctypes.data
        length, one = n + 4, factors.ctypes.data
        product(
            turned, turned, n, length, length, one, A.ctypes.data + 4 * begin, length,
            A.ctypes.data, length, one + 4, C.ctypes.data + 4 * begin, length,
        )  # fmt: skip

    begins = range(0, size - wide + 1, wide)
    with ThreadPoolExecutor(threads) as pool:
        seconds = fastest(lambda: list(pool.map(columns, begins)))
    return 2 * size**2 * wide * len(begins) / seconds


@numba.njit(nogil=True, fastmath=True)
def read(a, out, times):
    total = np.float32(0)
    for _ in range(times):
        for i in range(a.size):
            total += a[i]
        a[0] = total  # no sweep may be left out
    return total


@numba.njit(nogil=True)
def copy(a, out, times):
    for _ in range(times):
        for i in range(a.size):
            out[i] = a[i]
        a[0] += out[1]
    return a[0]


@numba.njit(nogil=True)
def update(a, out, times):
    for _ in range(times):
        for i in range(a.size):
            a[i] = a[i] * np.float32(0.5) + np.float32(1)
    return a[0]


KERNELS = {"read": (read, 1), "copy": (copy, 2), "update": (update, 2)}


def memory_rate(name: str, nbytes: int, threads: int) -> float:
    """Return the bytes/s that so many threads read and write, each in ``nbytes`` of its own."""
    kernel, per_byte = KERNELS[name]
    arrays = [np.ones(nbytes // 4, np.float32) for _ in range(threads)]
    outs = [np.ones(nbytes // 4 if name == "copy" else 2, np.float32) for _ in range(threads)]
    kernel(arrays[0], outs[0], 1)
    times = max(1, 64 * MIB // nbytes)
    with ThreadPoolExecutor(threads) as pool:
        seconds = fastest(lambda: list(pool.map(kernel, arrays, outs, [times] * threads)))
    return per_byte * nbytes * times * threads / seconds


@numba.njit(nogil=True)
def touch(a, order):
    total = np.float32(0)
    for i in order:
        total += a[i]
    return total


def line_seconds(nbytes: int) -> float:
    """Return the seconds for one number from each cache line of ``nbytes`` in random order.

    No load waits for another one, so the core has as many under way as it can.
    """
    a = np.ones(nbytes // 4, np.float32)
    order = 16 * np.random.default_rng(0).permutation(nbytes // 64)
    touch(a, order[:1])
    return fastest(lambda: touch(a, order)) / order.size
