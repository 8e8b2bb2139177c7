"""Programs, their memory, and who runs them."""
