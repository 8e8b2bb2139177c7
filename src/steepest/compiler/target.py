"""The machines that machine code is made for, and what differs between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm

__all__ = ["HERE", "Target"]


@dataclass(frozen=True)
class Target:
    """A processor and an operating system, in LLVM's words.

    Parameters
    ----------
    triple : str
        Like ``x86_64-unknown-linux-gnu``.
    cpu : str
        The processor; "generic" is what all of this architecture can run.
    features : str
        What it has beyond that, like ``+avx2,+fma``.
    """

    triple: str
    cpu: str = "generic"
    features: str = ""

    @property
    def yield_core(self) -> str:
        """The function of the operating system that offers the core to others for microseconds.

        It takes their number, an int; that of Windows ignores it. What it returns, an int, nobody
        reads. It sleeps: Linux takes a whole time slice from whoever only yields (since 6.18), but
        lets whoever wakes up go first.
        """
        return "SwitchToThread" if "-windows-" in self.triple else "usleep"

    def machine(self) -> Any:
        """Return LLVM's target machine."""
        # On x86, code finds its constants by whole addresses: by distances it reaches 2 GiB, and
        # the loader may have to put them farther apart where other libraries have cut the address
        # space up.
        relocation, model = "pic", "small"
        if self.triple.startswith("x86_64"):
            relocation, model = "static", "large"
        # LLVM's loader wants ELF files on Windows too; llvmlite asks for them for its own programs.
        triple = self.triple + "-elf" * ("-windows-" in self.triple)
        return llvm.Target.from_triple(triple).create_target_machine(
            cpu=self.cpu, features=self.features, opt=3, reloc=relocation, codemodel=model
        )


HERE = Target(
    llvm.get_default_triple(),
    llvm.get_host_cpu_name(),
    llvm.get_host_cpu_features().flatten(),
)
"""This machine."""
