"""Some hundred mutated files, and all that ever broke a loader, go to the loaders.

`run.py` tries as many as there is time for.
"""

import random
from pathlib import Path

import pytest
from targets import TARGETS

SEEDS = Path(__file__).parent / "seeds"
KEPT = [(path.parent.name, path.name) for path in sorted(SEEDS.glob("*/*"))]


@pytest.mark.parametrize("name", TARGETS)
def test_mutated_files_are_read_or_refused(name):
    target = TARGETS[name]
    seeds, draw = target.seeds(), random.Random(name)
    assert {target.outcome(seed) for seed in seeds} == {"read"}
    outcomes = {target.outcome(target.mutate(draw.choice(seeds), draw)) for _ in range(60)}
    assert len(outcomes) > 1  # some are damaged, some not


@pytest.mark.parametrize(("name", "seed"), KEPT)
def test_what_once_broke_a_loader_is_refused(name, seed):
    assert TARGETS[name].outcome((SEEDS / name / seed).read_bytes()).endswith("Error")
