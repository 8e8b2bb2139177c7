"""The update rules. `steepest.rule` has the contract that they all follow.

Every file here is imported, and its classes are exported. Type checkers and editors don't run code:
for them alone each class has a line here too.
"""

from typing import TYPE_CHECKING

from ..collect import collect
from ..rule import Rule

if TYPE_CHECKING:
    from .adadelta import Adadelta as Adadelta
    from .adafactor import Adafactor as Adafactor
    from .adagrad import Adagrad as Adagrad
    from .adam import Adam as Adam
    from .adamax import Adamax as Adamax
    from .adamw import AdamW as AdamW
    from .asgd import ASGD as ASGD
    from .muon import Muon as Muon
    from .nadam import NAdam as NAdam
    from .radam import RAdam as RAdam
    from .rmsprop import RMSprop as RMSprop
    from .rprop import Rprop as Rprop
    from .schedule_free_adamw import ScheduleFreeAdamW as ScheduleFreeAdamW
    from .sgd import SGD as SGD
else:
    _found = collect(__name__, Rule)
    globals().update(_found)
    __all__ = [*_found]
