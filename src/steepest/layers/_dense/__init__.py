"""The kernels of `steepest.layers.Dense`."""
