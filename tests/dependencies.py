"""Run the tests with the oldest or the newest dependencies that pyproject.toml allows.

    python tests/dependencies.py oldest [--pins] [pytest's own arguments …]

Makes an environment in a temporary folder, of the Python that runs this, with every dependency of
the package and of its tests at its lower bound, or as new as there is; what those need in turn is
left to pip. ``--pins`` prints them and ends.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]


def pins(which: str) -> list[str]:
    """Return what pip is to install: ``name==lower bound``, or only the names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found = {}
    for wanted in (*project["dependencies"], *project["optional-dependencies"]["test"]):
        name, bound = re.fullmatch(r"([\w.-]+)>=([\w.]+)", wanted).groups()
        assert found.setdefault(name, bound) == bound, f"two bounds of {name}"
    return [f"{name}=={bound}" if which == "oldest" else name for name, bound in found.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("which", choices=["oldest", "newest"])
    parser.add_argument("--pins", action="store_true")
    options, arguments = parser.parse_known_args()
    wanted = pins(options.which)
    if options.pins:
        print("\n".join(wanted))
        return
    with tempfile.TemporaryDirectory(prefix="steepest-dependencies-") as folder:
        place = Path(folder)
        venv.create(place / "venv", with_pip=True)
        python = place / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", *wanted, "--editable", ROOT], check=True
        )
        print(sys.version, *wanted, sep="\n", flush=True)
        subprocess.run([python, "-m", "pip", "freeze"], check=True)
        environment = {**os.environ, "STEEPEST_CACHE": str(place / "kernels")}
        done = subprocess.run(
            [python, "-m", "pytest", *arguments], cwd=ROOT, env=environment, check=False
        )
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
