"""What `help` shows of the estimators."""

import inspect
import re

import pytest
from sklearn.datasets import load_iris

from steepest import MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor
from steepest.estimators.docstrings import with_lists_of

X, Y = load_iris(return_X_y=True, as_frame=True)
QUICK = {"epochs": 2}
FITTED = [
    MLPClassifier(max_iter=2, early_stopping=True),
    MLPClassifier(max_iter=2, solver="lbfgs"),
    MLPRegressor(max_iter=2),
    TabularClassifier(settings=QUICK),
    TabularRegressor(settings=QUICK),
    TabularRegressor(quantiles=(0.1, 0.9), settings=QUICK),
]


def names_in(kind, title):
    """Return the names that a list of the docstring has, in order."""
    section = inspect.getdoc(kind).split(f"\n{title}\n{'-' * len(title)}\n")[1].split("\n\n")[0]
    heads = re.findall(r"^(\w[\w, ]*) : ", section, re.MULTILINE)
    return [name for head in heads for name in head.split(", ")]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("model", FITTED, ids=str)
def test_every_parameter_and_every_fitted_attribute_is_listed_once(model):
    listed = names_in(type(model), "Parameters")
    assert listed == [*inspect.signature(type(model)).parameters]
    model.fit(X, Y)
    listed = names_in(type(model), "Attributes")
    assert len(listed) == len(set(listed))
    fitted = {name for name in vars(model) if name.endswith("_") and not name.startswith("_")}
    assert fitted <= set(listed)
    assert "**others" not in type(model).__doc__


class Base:
    """What is shared.

    Parameters
    ----------
    a : int
        First.
    b : int

    Attributes
    ----------
    a_ : float
    """


def test_what_is_shared_stands_where_the_others_are_named():
    @with_lists_of(Base)
    class Kind(Base):
        """A kind.

        Parameters
        ----------
        c : str
        **others
            See `Base`.

        Examples
        --------
        >>> Kind()
        """

    assert Kind.__doc__ == (
        "A kind.\n\nParameters\n----------\nc : str\na : int\n    First.\nb : int\n\n"
        "Examples\n--------\n>>> Kind()\n"
    )


def test_parameters_are_listed_in_the_order_of_the_signature():
    @with_lists_of(Base)
    class Kind(Base):
        """A kind.

        Parameters
        ----------
        c : str
            Third.
        **others
            See `Base`.
        """

        def __init__(self, b, a, c):
            pass

    assert Kind.__doc__.split("---\n")[1] == "b : int\na : int\n    First.\nc : str\n    Third.\n"


def test_without_docstrings_nothing_is_shown():
    @with_lists_of(Base)
    class Kind(Base):
        pass

    assert Kind.__doc__ is None
