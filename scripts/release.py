"""Prepare a release, up to the step before publishing.

    python scripts/release.py version 0.2.0   close the changelog and set the version
    python scripts/release.py build           build sdist and wheel, and try both somewhere fresh

The version stands in one place, ``__version__`` in src/steepest/__init__.py. RELEASING.md has all
steps.
"""

from __future__ import annotations

import argparse
import datetime
import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
INIT, CHANGELOG = ROOT / "src" / "steepest" / "__init__.py", ROOT / "CHANGELOG.md"
CITATION = ROOT / "CITATION.cff"
HEAD = "## Unreleased\n"


def set_version(version: str, day: str) -> None:
    """Write the version and its date where they stand, and close what is unreleased."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        sys.exit(f"a version is like 0.2.0, got {version!r}")
    changelog = CHANGELOG.read_text("utf-8")
    _, found, after = changelog.partition(HEAD)
    if not found or not after.partition("\n## ")[0].strip():
        sys.exit("CHANGELOG.md has nothing under Unreleased")
    CHANGELOG.write_text(changelog.replace(HEAD, f"{HEAD}\n## {version} – {day}\n", 1), "utf-8")
    for file, pattern, line in (
        (INIT, r'^__version__ = ".*"$', f'__version__ = "{version}"'),
        (CITATION, r"^version: .*$", f"version: {version}"),
        (CITATION, r"^date-released: .*$", f"date-released: {day}"),
    ):
        text, count = re.subn(pattern, line, file.read_text("utf-8"), flags=re.MULTILINE)
        if count != 1:
            sys.exit(f"{file.name} has {count} lines like {line}; expected one")
        file.write_text(text, "utf-8")
    print(f"version {version}; next: commit, then {Path(__file__).name} build")


def build() -> None:
    """Build both files, and let each train, predict and check in an environment of its own."""
    if subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True).stdout:
        sys.exit("there are changes that are not committed")
    with tempfile.TemporaryDirectory(prefix="steepest-release-") as folder:
        place = Path(folder)
        builder = _environment(place / "build", "build>=1.2", "twine>=5")
        _run(builder, "-m", "build", "--outdir", ROOT / "dist", ROOT)
        version = re.search(r'^__version__ = "(.*)"', INIT.read_text("utf-8"), re.MULTILINE)[1]
        made = sorted((ROOT / "dist").glob(f"steepest-{version}*"))
        _run(builder, "-m", "twine", "check", "--strict", *made)
        for k, file in enumerate(made):
            _try(_environment(place / f"env{k}", str(file)), place / f"run{k}", version)
            print(f"{file.name}: {file.stat().st_size / 1e6:.2f} MB, works")
    print(f"next: git tag v{version}, and what RELEASING.md says of publishing")


def _environment(place: Path, *packages: str) -> Path:
    """Make a fresh environment with packages; return its Python."""
    venv.create(place, with_pip=True)
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    quiet = ("--quiet", "--disable-pip-version-check")
    subprocess.run([python, "-m", "pip", "install", *quiet, *packages], check=True)
    return python


def _run(python: Path, *words: object, folder: Path = ROOT) -> str:
    environment = {**os.environ, "STEEPEST_CACHE": str(python.parents[1] / "kernels")}
    environment.pop("PYTHONPATH", None)
    command = [str(python), *map(str, words)]
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed\n{done.stdout}")
    return done.stdout


def _try(python: Path, folder: Path, version: str) -> None:
    """Train, predict and check a layer, with nothing but what was installed."""
    folder.mkdir()
    if version not in _run(python, "-m", "steepest", "--version", folder=folder):
        sys.exit(f"steepest --version does not say {version}")
    print(_run(python, "-m", "steepest", "demo", "-o", "model", folder=folder))
    _run(python, "-m", "steepest", "show", "model", folder=folder)
    _run(python, "-c", "from steepest import Dense, check; check(Dense(3))", folder=folder)


def main() -> None:
    """Do what is asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("version").add_argument("version")
    commands.add_parser("build")
    asked = parser.parse_args()
    if asked.command == "version":
        set_version(asked.version, datetime.datetime.now(datetime.UTC).date().isoformat())
    else:
        build()


if __name__ == "__main__":
    main()
