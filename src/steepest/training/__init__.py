"""The step of gradient descent, and the loop around it."""
