"""Start-up: from process start to the first fit, cold (nothing compiled) and warm.

python benchmarks/startup.py [--quick]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext

FIT = """
import numpy as np
from steepest import Dense, Network, ReLU, SGD, SoftmaxCrossEntropy, Trainer
X = np.random.default_rng(0).standard_normal((500, 10))
network = Network(Dense(32), ReLU(), Dense(2))
Trainer(network, SoftmaxCrossEntropy(), SGD(lr=0.1)).fit(X, X[:, 0] > 0, epochs=1)
"""


def seconds(program, cache=None):
    began = time.perf_counter()
    environment = os.environ if cache is None else {**os.environ, "STEEPEST_CACHE": cache}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    return time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="once, with the kernels that are there"
    )
    quick = parser.parse_args().quick
    rounds = 1 if quick else 5
    cold, warm, imports = [], [], []
    for k in range(rounds):
        with nullcontext() if quick else tempfile.TemporaryDirectory() as cache:
            if k < 3 and not quick:
                cold.append(seconds(FIT, cache))
            else:
                seconds(FIT, cache)
            warm.append(seconds(FIT, cache))
            imports.append(seconds("import steepest", cache))
    bare = statistics.median(seconds("pass") for _ in range(rounds))
    for what, found, aim in (
        ("cold, process start to the end of a first fit", cold, 10),
        ("warm, the same", warm, 1.5),
        ("warm, import steepest alone (Python's own start taken off)", imports, 0.6),
    ):
        if found:
            value = statistics.median(found) - (bare if found is imports else 0)
            print(f"{what}: {value:.2f} s (aim {aim} s)")


if __name__ == "__main__":
    main()
