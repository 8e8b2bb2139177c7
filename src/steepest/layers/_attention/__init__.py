"""What `Attention` is made of: its heads, and their kernels."""
