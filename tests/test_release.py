"""Closing a version: what scripts/release.py writes."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def release(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("release", ROOT / "scripts" / "release.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("INIT", "CHANGELOG", "CITATION"):
        copy = tmp_path / getattr(module, name).name
        copy.write_text(getattr(module, name).read_text("utf-8"), "utf-8")
        monkeypatch.setattr(module, name, copy)
    module.CHANGELOG.write_text("# Changelog\n\n## Unreleased\n\n### Added\n- This.\n", "utf-8")
    return module


def test_a_version_is_closed(release):
    release.set_version("9.8.7", "2030-01-02")
    assert '\n__version__ = "9.8.7"\n' in release.INIT.read_text("utf-8")
    assert "version: 9.8.7\ndate-released: 2030-01-02" in release.CITATION.read_text("utf-8")
    closed = "## Unreleased\n\n## 9.8.7 – 2030-01-02\n\n### Added\n- This.\n"
    assert release.CHANGELOG.read_text("utf-8").endswith(closed)


def test_nothing_unreleased_and_odd_versions_are_refused(release):
    with pytest.raises(SystemExit, match="a version is like"):
        release.set_version("9.8", "2030-01-02")
    release.set_version("9.8.7", "2030-01-02")
    with pytest.raises(SystemExit, match="nothing under Unreleased"):
        release.set_version("9.8.8", "2030-01-03")


def test_the_version_stands_in_one_place():
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    assert 'dynamic = ["version"]' in text
    assert not re.search(r"^version =", text, re.MULTILINE)
