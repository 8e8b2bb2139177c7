"""Neural networks trained by stochastic gradient descent and backpropagation.

Compose a `Network` of layers, give a `Trainer` a loss and an update rule, and fit.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

from .system.support import check_support as _check_support

_check_support()  # before what would fail on other systems in its own words

from .checking import Report as Report
from .checking import check as check
from .decoder import Decoder as Decoder
from .errors import CheckError as CheckError
from .errors import CheckpointError as CheckpointError
from .errors import DivergenceError as DivergenceError
from .errors import ImageError as ImageError
from .errors import InputError as InputError
from .errors import KernelError as KernelError
from .errors import ModelError as ModelError
from .errors import OutOfMemoryError as OutOfMemoryError
from .errors import PluginError as PluginError
from .errors import RankError as RankError
from .errors import SteepestError as SteepestError
from .errors import TableError as TableError
from .errors import TableWarning as TableWarning
from .errors import ThreadError as ThreadError
from .layer import Layer as Layer
from .layer import Parameter as Parameter
from .layers import *
from .loss import Loss as Loss
from .losses import *
from .network import Network as Network
from .pipeline.conformal import conformal_margin as conformal_margin
from .ranks.together import Ranks as Ranks
from .rule import Rule as Rule
from .rules import *
from .sampling import Augment as Augment
from .schedule import Schedule as Schedule
from .schedules import *
from .state import State as State
from .trainer import Trainer as Trainer
from .training.checkpoint import Checkpoint as Checkpoint
from .training.history import History as History
from .training.init_from_data import init_from_data as init_from_data
from .training.progress import Progress as Progress

if TYPE_CHECKING:
    from .estimators import MLPClassifier as MLPClassifier
    from .estimators import MLPRegressor as MLPRegressor
    from .estimators.image import ImageClassifier as ImageClassifier
    from .estimators.tabular import TabularClassifier as TabularClassifier
    from .estimators.tabular import TabularRegressor as TabularRegressor
    from .estimators.text import TextClassifier as TextClassifier
    from .inspection.gradients import ExampleNorms as ExampleNorms
    from .inspection.gradients import Gradient as Gradient
    from .inspection.gradients import Gradients as Gradients
    from .inspection.gradients import Moments as Moments
    from .inspection.gradients import example_norms as example_norms
    from .inspection.gradients import gradient as gradient
    from .inspection.gradients import gradient_moments as gradient_moments
    from .inspection.gradients import per_example_gradients as per_example_gradients
    from .inspection.hardest import Ranking as Ranking
    from .inspection.hardest import hardest_examples as hardest_examples
    from .inspection.importance import Importance as Importance
    from .inspection.importance import importance as importance
    from .inspection.tensorboard import TensorBoard as TensorBoard
    from .inspection.watch import Watch as Watch
    from .interchange.onnx_export import export_onnx as export_onnx
    from .interchange.onnx_import import import_onnx as import_onnx
    from .interchange.state_dict import from_state_dict as from_state_dict
    from .interchange.state_dict import to_state_dict as to_state_dict
    from .pipeline.folders import load as load
    from .pipeline.folders import load_network as load_network
    from .pipeline.folders import save as save
    from .pipeline.model import Model as Model

__version__ = "0.2.0"

# A network is saved by what is built upon networks, and so can't import it.
Network.folders = staticmethod(lambda: _import_module(".pipeline.folders", __name__))

_LAZY = {
    "ExampleNorms": ".inspection.gradients",
    "Gradient": ".inspection.gradients",
    "Gradients": ".inspection.gradients",
    "ImageClassifier": ".estimators.image",
    "Importance": ".inspection.importance",
    "MLPClassifier": ".estimators",
    "MLPRegressor": ".estimators",
    "Model": ".pipeline.model",
    "Moments": ".inspection.gradients",
    "Ranking": ".inspection.hardest",
    "TabularClassifier": ".estimators.tabular",
    "TabularRegressor": ".estimators.tabular",
    "TensorBoard": ".inspection.tensorboard",
    "TextClassifier": ".estimators.text",
    "Watch": ".inspection.watch",
    "example_norms": ".inspection.gradients",
    "export_onnx": ".interchange.onnx_export",
    "from_state_dict": ".interchange.state_dict",
    "gradient": ".inspection.gradients",
    "gradient_moments": ".inspection.gradients",
    "hardest_examples": ".inspection.hardest",
    "import_onnx": ".interchange.onnx_import",
    "importance": ".inspection.importance",
    "load": ".pipeline.folders",
    "load_network": ".pipeline.folders",
    "per_example_gradients": ".inspection.gradients",
    "save": ".pipeline.folders",
    "to_state_dict": ".interchange.state_dict",
}

if not TYPE_CHECKING:  # checkers go by the imports above: ``x as x`` and ``*`` are exports
    _own = {n for n, x in list(vars().items()) if getattr(x, "__module__", "").startswith(__name__)}
    __all__ = sorted(name for name in {*_own, *_LAZY} if name[0] != "_")

    def __getattr__(name):
        """Import what few programs need, or scikit-learn is needed for, when it is asked for."""
        if name not in _LAZY:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(_import_module(_LAZY[name], __name__), name)
        globals()[name] = value
        return value

    def __dir__():
        return sorted({*globals(), *_LAZY})
