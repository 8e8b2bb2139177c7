"""Every example runs, and prints something."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_it_runs_and_says_something(example, tmp_path):
    done = subprocess.run(
        [sys.executable, example], cwd=tmp_path, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert not done.stderr


def test_they_are_numbered():
    assert EXAMPLES
    numbers = [path.stem[:3] for path in EXAMPLES]
    assert all(number[:2].isdigit() and number[2] == "_" for number in numbers)
    assert len(set(numbers)) == len(numbers)
