"""Processes that train together, by MPI: how they meet, share rows, start and end."""
