"""Numbers and names as pages write them, by the modules themselves in a real browser."""

from __future__ import annotations

import numpy as np
import pytest

TICKS = """async ([values, step]) => {
  const { tick } = await import("./format.js");
  return values.map((value) => tick(value, step));
}"""


@pytest.mark.parametrize(
    ("start", "step"),
    [(0.376612, 2e-6), (0, 0.1), (-3, 1.5), (1000, 0.5), (1e6, 5e4), (2e-5, 1e-6)],
)
def test_no_two_numbers_of_an_axis_look_alike(modules, start, step):
    values = [start + k * step for k in range(6)]
    words = modules.evaluate(TICKS, [values, step])
    assert len(set(words)) == 6
    read = [float(word.replace("−", "-").replace(",", "")) for word in words]
    np.testing.assert_allclose(read, values, atol=step / 10)
    assert max(map(len, words)) <= 12


def test_one_of_a_thing_is_not_called_several(modules):
    words = """async () => {
      const { counted } = await import("./format.js");
      return [counted(1, "row"), counted(0, "row"), counted(1234, "class", "classes")];
    }"""
    assert modules.evaluate(words) == ["1 row", "0 rows", "1,234 classes"]


def test_names_turn_no_text_around_them(modules):
    words = """async (names) => {
      const { brief } = await import("./format.js");
      return names.map(brief);
    }"""
    found = modules.evaluate(
        words, ["\u202eexe.png", "\u2067" * 11, "\u05e9\u05dc\u05d5\u05dd", "x" * 99, "plain"]
    )
    assert found[:2] == [r"\u202eexe.png", r"\u2067" * 9 + r"\u206…"]
    assert found[2:] == ["\u2068\u05e9\u05dc\u05d5\u05dd\u2069", f"{'x' * 59}…", "plain"]
