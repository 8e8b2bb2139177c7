"""Where a convolution reads and writes: one axis at a time, in whole numbers.

Along an axis, output m meets input i by tap t of the kernel where  i = s m + d t − low:  stride s,
dilation d, and ``low`` zeros before the first input. Nobody reads those zeros: outputs, and inputs,
are taken in runs of those that the same taps meet.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from ...errors import InputError

__all__ = ["Axis", "InputRun", "OutputRun", "axis"]


class OutputRun(NamedTuple):
    """So many outputs from ``first`` on, which meet ``taps`` taps from ``tap`` on."""

    first: int
    number: int
    tap: int
    taps: int


class InputRun(NamedTuple):
    """So many inputs ``first``, ``first + s``, …, which meet ``taps`` taps: ``tap`` and some below.

    Input ``first`` meets output ``output`` by ``tap``. The next input meets the next output by the
    same tap, and the next output but ``step − 1`` by the tap ``tap_step`` below.
    """

    first: int
    number: int
    tap: int
    taps: int
    output: int
    tap_step: int
    step: int


class Axis(NamedTuple):
    """One axis of a convolution: ``inputs`` entries, and ``low`` and ``high`` zeros around them."""

    inputs: int
    kernel: int
    stride: int
    dilation: int
    low: int
    high: int

    @property
    def outputs(self) -> int:
        reach = self.dilation * (self.kernel - 1) + 1
        return (self.low + self.inputs + self.high - reach) // self.stride + 1

    def output_range(self, tap: int) -> tuple[int, int]:
        """Return the first output that meets an input by ``tap``, and how many do."""
        offset = self.dilation * tap - self.low
        first = max(0, -(offset // self.stride))
        last = min(self.outputs - 1, (self.inputs - 1 - offset) // self.stride)
        return first, max(0, last - first + 1)

    def output_runs(self) -> list[OutputRun]:
        """Return the outputs in runs, without those that meet zeros only."""

        def met(m: int) -> tuple[int, int]:
            start = self.stride * m - self.low
            tap = max(0, -(start // self.dilation))
            end = min(self.kernel, (self.inputs - 1 - start) // self.dilation + 1)
            return tap, max(0, end - tap)

        runs = []
        for (tap, taps), outputs in groupby(range(self.outputs), met):
            numbers = list(outputs)
            if taps:
                runs.append(OutputRun(numbers[0], len(numbers), tap, taps))
        return runs

    def input_runs(self) -> list[InputRun]:
        """Return the inputs in runs, without those that no output sees."""
        return [run for first in range(self.stride) for run in self._phase(first)]

    def _phase(self, first: int) -> Iterator[InputRun]:
        """Yield the runs of inputs ``first``, ``first + s``, …"""
        common = math.gcd(self.stride, self.dilation)
        tap_step, step = self.stride // common, self.dilation // common
        above = [
            tap
            for tap in reversed(range(self.kernel))
            if (first + self.low - self.dilation * tap) % self.stride == 0
        ]
        if not above:
            return

        def met(i: int) -> tuple[int, int]:
            """Return which of these taps is the first with an output, and how many have one."""
            outputs = [(i + self.low - self.dilation * tap) // self.stride for tap in above]
            inside = [0 <= output < self.outputs for output in outputs]
            return inside.index(True) if any(inside) else 0, sum(inside)

        for (begin, taps), inputs in groupby(range(first, self.inputs, self.stride), met):
            numbers = list(inputs)
            if taps:
                output = (numbers[0] + self.low - self.dilation * above[begin]) // self.stride
                tap = above[begin]
                yield InputRun(numbers[0], len(numbers), tap, taps, output, tap_step, step)


def axis(
    where: str,
    inputs: int,
    kernel: int,
    stride: int,
    padding: str | tuple[int, int],
    dilation: int,
) -> Axis:
    """Return the axis of ``inputs`` entries; ``padding`` is "valid", "same", or (before, behind).

    "same" gives ⌈inputs / stride⌉ outputs. Of an odd number of zeros one more lies behind, as in
    Keras.

    Raises
    ------
    InputError
        If the kernel does not fit into the padded inputs.
    """
    reach = dilation * (kernel - 1) + 1
    if padding == "same":
        outputs = -(-inputs // stride)
        total = max(0, (outputs - 1) * stride + reach - inputs)
        low, high = total // 2, total - total // 2
    else:
        low, high = (0, 0) if isinstance(padding, str) else padding
    if low + inputs + high < reach:
        raise InputError(
            f"{where}: a kernel that reaches over {reach} entries does not fit into {inputs} with "
            f"{low + high} of padding; use padding='same', or a smaller kernel"
        )
    return Axis(inputs, kernel, stride, dilation, low, high)
