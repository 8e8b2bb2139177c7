"""How Conv1D and Conv2D are computed."""
