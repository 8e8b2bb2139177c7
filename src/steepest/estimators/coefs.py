"""``coefs_`` and ``intercepts_``: a network's dense layers as scikit-learn shows them.

They are views into the network's θ, (inputs, units) and (units,). A user may write into them, or
put other arrays in their place; `Weights.pull` carries the latter into θ.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InputError
from ..network import Network

__all__ = ["Weights"]


class Weights:
    """Views of the dense layers of ``network``."""

    def __init__(self, network: Network) -> None:
        paths = [name[:-2] for name in network.parameters if name.endswith(".A")]
        self.coefs = [network.parameters[f"{path}.A"].T for path in paths]
        self.intercepts = [
            network.parameters[f"{path}.b"] for path in paths if f"{path}.b" in network.parameters
        ]

    def pull(self, coefs: list[Any], intercepts: list[Any]) -> None:
        """Write into θ what is in ``coefs`` and ``intercepts`` and is not a view of it."""
        for what, views, given in (
            ("coefs_", self.coefs, coefs),
            ("intercepts_", self.intercepts, intercepts),
        ):
            if len(given) != len(views):
                raise InputError(f"{what}: expected {len(views)} arrays, got {len(given)}")
            for k, (view, array) in enumerate(zip(views, given, strict=True)):
                if array is view:
                    continue
                if np.shape(array) != view.shape:
                    raise InputError(
                        f"{what}[{k}]: expected shape {view.shape}, got {np.shape(array)}"
                    )
                view[...] = array
