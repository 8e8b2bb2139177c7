"""Machine code for other machines: what it asks of their systems, and what it computes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from elsewhere import PRODUCTS, train

ROOT = Path(__file__).parents[2]

LINUX, WINDOWS = "aarch64-unknown-linux-gnu", "x86_64-pc-windows-msvc"
MACS = ("arm64-apple-darwin", "x86_64-apple-darwin")
MACHINES = {LINUX: 183, WINDOWS: 62, MACS[0]: 0x100000C, MACS[1]: 0x1000007}

MATHEMATICS = {"erfcf", "fmaf", "logf", "pow"}
MEMORY = {"memcpy", "memmove", "memset"}
# First what offers the core to others. The second of Windows reserves a large frame of the stack.
SYSTEM = {
    LINUX: ("usleep",),
    WINDOWS: ("SwitchToThread", "__chkstk"),
    **dict.fromkeys(MACS, ("usleep", "bzero")),
}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "elsewhere.py"), *MACHINES],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"),
             "STEEPEST_CACHE": str(tmp_path_factory.mktemp("kernels"))},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("triple", MACHINES)
def test_kernels_for_other_systems_ask_only_for_what_is_there(elsewhere, triple):
    """That each object file can be made, and loads; not that it runs, which needs the machine."""
    made = set(elsewhere["kernels"])
    assert {
        "drive_together",
        "serve",
        "go_through",
        "barrier",
        "gemm",
        "gather",
        "forward",
        "step",
    } <= made
    found = elsewhere["found"][triple]
    assert found["machines"] == [MACHINES[triple]]
    prefix = "_" if triple in MACS else ""
    allowed = {prefix + name for name in MATHEMATICS.union(MEMORY, SYSTEM[triple])}
    assert {name: of for name, of in found["names"].items() if name not in allowed} == {}
    assert found["names"][prefix + SYSTEM[triple][0]] == ["barrier", "lead"]


def test_kernels_for_a_processor_without_avx_compute_the_same(elsewhere):
    for product, found in zip(PRODUCTS, elsewhere["predictions"], strict=True):
        np.testing.assert_allclose(found, train(product), rtol=1e-3, atol=1e-4)
