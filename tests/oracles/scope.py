"""Where a layer of an oracle finds its own parameters and masks, among those of the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Scope:
    """The parameters and masks of a network by full name, seen from the layer at ``path``."""

    theta: Mapping[str, Any]
    masks: Mapping[str, Any]
    path: str = ""

    def __getitem__(self, name: str) -> Any:
        return self.theta[f"{self.path}.{name}"]

    @property
    def mask(self) -> Any:
        return self.masks[self.path]

    def child(self, index: int) -> Scope:
        return replace(self, path=f"{self.path}.{index}" if self.path else str(index))
