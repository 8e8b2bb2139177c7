"""Neural networks trained by stochastic gradient descent and backpropagation.

Compose a `Network` of layers, give a `Trainer` a loss and an update rule, and fit.
"""

from typing import TYPE_CHECKING, Any

from .system.support import check_support

check_support()  # before what would fail on other systems in its own words

from .checking import Report, check
from .errors import (
    CheckError,
    CheckpointError,
    DivergenceError,
    InputError,
    KernelError,
    ModelError,
    PluginError,
    SteepestError,
    TableError,
)
from .inspection.gradients import (
    ExampleNorms,
    Gradient,
    Gradients,
    Moments,
    example_norms,
    gradient,
    gradient_moments,
    per_example_gradients,
)
from .inspection.hardest import Ranking, hardest_examples
from .inspection.importance import Importance, importance
from .inspection.watch import Watch
from .interchange.onnx_export import export_onnx
from .interchange.onnx_import import import_onnx
from .interchange.state_dict import from_state_dict, to_state_dict
from .layer import Layer, Parameter
from .layers import (
    ELU,
    GELU,
    SELU,
    Average,
    Concat,
    Dense,
    Dropout,
    Embedding,
    Identity,
    LayerNorm,
    LeakyReLU,
    Mish,
    Parallel,
    Parametric,
    Periodic,
    ReLU,
    Residual,
    RootScale,
    Scale,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from .loss import Loss
from .losses import (
    Absolute,
    Hinge,
    Huber,
    Logistic,
    Poisson,
    Quantile,
    SoftmaxCrossEntropy,
    Squared,
)
from .network import Network
from .pipeline.conformal import conformal_margin
from .rule import Rule
from .rules import SGD, Adagrad, Adam, AdamW, RMSprop
from .schedules import (
    Cosine,
    CosLog4,
    Exponential,
    FlatCosine,
    InverseScaling,
    OneCycle,
    ReduceOnPlateau,
    Step,
)
from .trainer import Trainer
from .training.checkpoint import Checkpoint
from .training.history import History
from .training.init_from_data import init_from_data
from .training.progress import Progress

if TYPE_CHECKING:
    from .estimators import MLPClassifier, MLPRegressor
    from .estimators.tabular import TabularClassifier, TabularRegressor

__version__ = "0.1.0"

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "SGD",
    "Absolute",
    "Adagrad",
    "Adam",
    "AdamW",
    "Average",
    "CheckError",
    "Checkpoint",
    "CheckpointError",
    "Concat",
    "CosLog4",
    "Cosine",
    "Dense",
    "DivergenceError",
    "Dropout",
    "Embedding",
    "ExampleNorms",
    "Exponential",
    "FlatCosine",
    "Gradient",
    "Gradients",
    "Hinge",
    "History",
    "Huber",
    "Identity",
    "Importance",
    "InputError",
    "InverseScaling",
    "KernelError",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Logistic",
    "Loss",
    "MLPClassifier",
    "MLPRegressor",
    "Mish",
    "ModelError",
    "Moments",
    "Network",
    "OneCycle",
    "Parallel",
    "Parameter",
    "Parametric",
    "Periodic",
    "PluginError",
    "Poisson",
    "Progress",
    "Quantile",
    "RMSprop",
    "Ranking",
    "ReLU",
    "ReduceOnPlateau",
    "Report",
    "Residual",
    "RootScale",
    "Rule",
    "Scale",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "SoftmaxCrossEntropy",
    "Softplus",
    "Squared",
    "SteepestError",
    "Step",
    "TableError",
    "TabularClassifier",
    "TabularRegressor",
    "Tanh",
    "Trainer",
    "Watch",
    "check",
    "conformal_margin",
    "example_norms",
    "export_onnx",
    "from_state_dict",
    "gradient",
    "gradient_moments",
    "hardest_examples",
    "import_onnx",
    "importance",
    "init_from_data",
    "per_example_gradients",
    "to_state_dict",
]

_LAZY = {
    "MLPClassifier": ".estimators",
    "MLPRegressor": ".estimators",
    "TabularClassifier": ".estimators.tabular",
    "TabularRegressor": ".estimators.tabular",
}


def __getattr__(name: str) -> Any:
    """Import what needs scikit-learn when it is first asked for."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_LAZY[name], __name__), name)
    globals()[name] = value
    return value
