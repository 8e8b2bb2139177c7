"""The checker sees that a layer names all rows that its gradient is in."""

from dataclasses import dataclass

import pytest

from steepest import CheckError, Embedding, Parameter, check
from steepest.declarations import FewRows


@dataclass(frozen=True, repr=False)
class Forgetful(Embedding):
    """Names wrong rows."""

    wrong: int = 0

    def parameters(self, p):
        return {"E": Parameter((self.codes, self.dim), rows=FewRows(1, self.touches))}

    @staticmethod
    def touches(x, places, wrong, rows):
        for i in rows:
            places[i, 0] = wrong


@pytest.mark.parametrize(
    ("wrong", "told"),
    [(0, "not 0 in a row that touches does not name"), (4, r"none of range\(4\)"), (-1, "none of")],
)
def test_rows_that_a_layer_does_not_name_must_have_no_gradient(wrong, told):
    with pytest.raises(CheckError, match=rf"dE: .*{told}"):
        check(Forgetful(4, 3, wrong=wrong))
