"""The schedules. `steepest.schedule` has the contract that they all follow.

Every file here is imported, and its classes are exported. Type checkers and editors don't run code:
for them alone each class has a line here too.
"""

from typing import TYPE_CHECKING

from ..collect import collect
from ..schedule import Schedule as Schedule

if TYPE_CHECKING:
    from .constant import Constant as Constant
    from .cos_log4 import CosLog4 as CosLog4
    from .cosine import Cosine as Cosine
    from .exponential import Exponential as Exponential
    from .flat_cosine import FlatCosine as FlatCosine
    from .inverse_scaling import InverseScaling as InverseScaling
    from .one_cycle import OneCycle as OneCycle
    from .reduce_on_plateau import ReduceOnPlateau as ReduceOnPlateau
    from .step import Step as Step
else:
    _found = collect(__name__, Schedule)
    globals().update(_found)
    __all__ = [*_found, "Schedule"]
