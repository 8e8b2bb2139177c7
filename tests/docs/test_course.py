"""The pages of the course: their code runs, their exercises are marked, their notebooks run."""

import contextlib
import io
import re
import sys
import textwrap
from pathlib import Path

import pytest

from steepest import plugins
from steepest.checking import Settings, report_of

COURSE = Path(__file__).parents[2] / "docs" / "course"
PAGES = sorted(page for page in COURSE.glob("*.md") if page.stem != "index")


def blocks(page, info):
    return re.findall(rf"```python{info}\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


def solved(page):
    """Put the lines of the solution in the places of the wrong ones, and imports at the head."""
    lines = blocks(page, f" file={page.stem}.py")[0].splitlines()
    solution = blocks(page, " solution")[0].splitlines()
    imports = [line for line in solution if line.startswith("from ")]
    right = iter([line for line in solution if line and line not in imports])
    for k, line in enumerate(lines):
        if re.search("#.*wrong", line):
            lines[k] = textwrap.indent(next(right), re.match(" *", line)[0])
    assert not list(right), "more lines of the solution than wrong ones"
    return "\n".join([*imports, *lines])


def marked(code, folder, name):
    """Return what `steepest check` finds of a file, which is forgotten afterwards."""
    (folder / f"{name}.py").write_text(code, "utf-8")
    (module,) = plugins.use(folder / f"{name}.py")
    try:
        (thing,) = plugins.examples(module)
        return report_of(thing, Settings())
    finally:
        sys.modules.pop(module.__name__)
        plugins._used.pop(module.__name__)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_its_lines_run(page):
    (code,) = blocks(page, "")
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(code, page.name, "exec"), {})
    assert said.getvalue().strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_its_exercise_is_marked(page, tmp_path):
    (begun,) = blocks(page, f" file={page.stem}.py")
    assert not marked(begun, tmp_path, f"{page.stem}_begun").ok
    solution = marked(solved(page), tmp_path, f"{page.stem}_solved")
    assert solution.ok, str(solution)
