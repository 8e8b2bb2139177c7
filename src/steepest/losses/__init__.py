"""The losses. `steepest.loss` has the contract that they all follow.

Every file here is imported, and its classes are exported. Type checkers and editors don't run code:
for them alone each class has a line here too.
"""

from typing import TYPE_CHECKING

from ..collect import collect
from ..loss import Loss

if TYPE_CHECKING:
    from .absolute import Absolute as Absolute
    from .gaussian_nll import GaussianNLL as GaussianNLL
    from .hinge import Hinge as Hinge
    from .huber import Huber as Huber
    from .kl_divergence import KLDivergence as KLDivergence
    from .logistic import Logistic as Logistic
    from .output_weights import OutputWeights as OutputWeights
    from .poisson import Poisson as Poisson
    from .quantile import Quantile as Quantile
    from .softmax_cross_entropy import SoftmaxCrossEntropy as SoftmaxCrossEntropy
    from .squared import Squared as Squared
else:
    _found = collect(__name__, Loss)
    globals().update(_found)
    __all__ = [*_found]
