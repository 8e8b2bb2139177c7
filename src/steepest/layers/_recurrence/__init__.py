"""What the recurrent layers share: their settings, and the parts that their kernels are made of."""
