"""Sums of rows of a table: the kernels of `EmbeddingBag`, and lists of codes as CSR matrices."""
