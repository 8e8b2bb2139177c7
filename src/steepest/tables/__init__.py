"""From a table to a matrix; knows no network."""
