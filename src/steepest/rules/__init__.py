"""The update rules. `steepest.rule` has the contract that they all follow.

Every file here is imported, and its classes are exported. Type checkers and editors don't run code:
for them alone each class has a line here too.
"""

from typing import TYPE_CHECKING

from ..collect import collect
from ..rule import Rule

if TYPE_CHECKING:
    from .adagrad import Adagrad as Adagrad
    from .adam import Adam as Adam
    from .adamw import AdamW as AdamW
    from .rmsprop import RMSprop as RMSprop
    from .sgd import SGD as SGD
else:
    _found = collect(__name__, Rule)
    globals().update(_found)
    __all__ = [*_found]
