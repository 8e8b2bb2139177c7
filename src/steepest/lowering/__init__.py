"""From layers to programs."""
