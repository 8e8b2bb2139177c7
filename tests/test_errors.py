"""What every error promises."""

import inspect
import pickle

import pytest

from steepest import errors

OWN = {"is_lost": True, "layer": "2.0", "reason": "why", "formula": "y = x", "step": 3, "rank": 2}
OWN |= {"message": "what", "array": "dx", "report": "all"}
ERRORS = [getattr(errors, name) for name in errors.__all__ if name.endswith("Error")]


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_can_leave_a_worker_process(kind):
    own = inspect.isfunction(kind.__init__)
    asked = list(inspect.signature(kind.__init__).parameters)[1:] if own else ["message"]
    error = kind(*(OWN[name] for name in asked))
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)
    assert vars(again) == vars(error)
