"""From a table to a tested model."""
