"""Lets a process with an empty store take over what others have compiled, as if it had compiled it.

Import this before anything of `steepest` but its store. ``KERNELS`` names the folder of those
others; what that lacks is compiled, and left there.
"""

from __future__ import annotations

import os
from pathlib import Path

from steepest.compiler import store

KERNELS = Path(os.environ["KERNELS"])
compiled = store.address_of


def address_of(function, kind, compile_it):
    def take_over(symbol):
        path = KERNELS / f"{symbol}.o"
        code = store._read(path)
        if code is None:
            code = compile_it(symbol)
            store._write(path, code)
        return code

    return compiled(function, kind, take_over)


store.address_of = address_of
