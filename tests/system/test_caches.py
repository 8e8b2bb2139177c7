"""Where what can be made again is kept."""

import sys
import tempfile
from pathlib import Path

import pytest

from steepest.system.caches import user_cache
from steepest.system.handles import this_user

NAMES = ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME")


@pytest.mark.parametrize(
    ("system", "environment", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/c", "HOME": "/home/her"}, "/c/steepest"),
        ("linux", {"HOME": "/home/her"}, "/home/her/.cache/steepest"),
        ("linux", {"LOCALAPPDATA": "/w", "HOME": "/home/her"}, "/home/her/.cache/steepest"),
        ("darwin", {"HOME": "/Users/her"}, "/Users/her/Library/Caches/steepest"),
        ("darwin", {"XDG_CACHE_HOME": "/c", "HOME": "/Users/her"}, "/c/steepest"),
        ("win32", {"LOCALAPPDATA": "/w", "HOME": "/Users/her"}, "/w/steepest"),
        ("win32", {"XDG_CACHE_HOME": "/c", "LOCALAPPDATA": "/w"}, "/c/steepest"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="homes are not named by $HOME there")
def test_where_it_is_on_each_system(system, environment, expected, monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", system)
    assert user_cache() == Path(expected)


def test_where_it_is_for_a_user_without_a_home(monkeypatch):
    def unknown():
        raise RuntimeError("Could not determine home directory.")

    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", unknown)
    assert user_cache() == Path(tempfile.gettempdir()) / f"steepest-{this_user()}"
