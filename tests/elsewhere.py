"""Train a network as a processor without AVX does, and make the same machine code for others.

python tests/elsewhere.py TRIPLE…

Prints JSON: what the network predicts, and for each triple the names that its object files leave to
the loader, with the kernels that need them. STEEPEST_CACHE must be an empty folder.
"""

from __future__ import annotations

import json
import os
import struct
import sys

import llvmlite.binding as llvm
import numpy as np

from steepest.compiler import processor

if __name__ == "__main__":  # before anybody asks
    os.environ["NUMBA_CPU_NAME"] = "generic"
    processor.processor_has = lambda feature: False

from steepest import GELU, Adam, Dense, Dropout, Network, SoftmaxCrossEntropy, Tanh, Trainer
from steepest.compiler import compile as compiler
from steepest.compiler.target import Target
from steepest.engine.driver import go_through
from steepest.engine.team import entry

PRODUCTS = (None, "bfloat16")


def train(matmul_dtype):
    """Return what a network predicts after a few steps of two threads: a list of rows."""
    X = np.random.default_rng(0).standard_normal((64, 20)).astype(np.float32)
    network = Network(Dense(40), GELU(), Dropout(0.2), Dense(3), Tanh())
    trainer = Trainer(
        network, SoftmaxCrossEntropy(), Adam(), batch=32, threads=2, matmul_dtype=matmul_dtype
    )
    trainer.fit(X, X[:, 0] > 0, epochs=2)
    return network.predict(X).tolist()


def undefined(code):
    """Return the kind of machine and the names that an object file leaves to the loader."""
    if code[:4] == b"\x7fELF":
        (machine,) = struct.unpack_from("<H", code, 18)
        sections = {s.name(): s.data() for s in llvm.ObjectFileRef.from_data(code).sections()}
        names = sections[b".strtab"]
        symbols = struct.iter_unpack("<IBBHQQ", sections[b".symtab"])
        starts = [name for name, _, _, section, _, _ in symbols if name and section == 0]
    else:
        machine, commands = struct.unpack_from("<4xI8xI", code)
        at = 32
        for _ in range(commands):
            command, size, *table = struct.unpack_from("<IIIIII", code, at)
            if command == 2:  # LC_SYMTAB
                break
            at += size
        first, count, names_at, names_size = table
        names = code[names_at : names_at + names_size]
        symbols = struct.iter_unpack("<IBBHQ", code[first : first + 16 * count])
        starts = [
            name for name, kind, *_ in symbols if not kind & 0xEE
        ]  # no section, no debugger's
    return machine, [names[start : names.index(b"\0", start)].decode() for start in starts]


def main(triples):
    made = {}
    here = compiler.machine_code

    def remember(code, target):
        functions = [f for f in llvm.parse_assembly(code).functions if not f.is_declaration]
        (symbol,) = (f.name for f in functions if f.linkage is llvm.Linkage.external)
        made[symbol.removeprefix("steepest_").rsplit("_", 1)[0], len(made)] = code
        return here(code, target)

    compiler.machine_code = remember
    predictions = [train(product) for product in PRODUCTS]
    entry(go_through, 1)
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    found = {}
    for triple in triples:
        machines, names = set(), {}
        for (kernel, _), code in made.items():
            machine, wanted = undefined(here(code, Target(triple)))
            machines.add(machine)
            for name in wanted:
                names.setdefault(name, []).append(kernel)
        found[triple] = {"machines": sorted(machines), "names": names}
    kernels = sorted(kernel for kernel, _ in made)
    print(json.dumps({"predictions": predictions, "kernels": kernels, "found": found}))


if __name__ == "__main__":
    main(sys.argv[1:])
