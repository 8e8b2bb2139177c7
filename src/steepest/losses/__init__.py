"""The losses. `steepest.loss` has the contract that they all follow."""

from .absolute import Absolute
from .hinge import Hinge
from .huber import Huber
from .logistic import Logistic
from .poisson import Poisson
from .quantile import Quantile
from .softmax_cross_entropy import SoftmaxCrossEntropy
from .squared import Squared

__all__ = [
    "Absolute",
    "Hinge",
    "Huber",
    "Logistic",
    "Poisson",
    "Quantile",
    "SoftmaxCrossEntropy",
    "Squared",
]
