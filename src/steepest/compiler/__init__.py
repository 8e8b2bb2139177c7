"""From a kernel to machine code; only this folder knows Numba and LLVM."""
