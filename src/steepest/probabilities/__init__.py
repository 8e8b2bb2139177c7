"""From what a network says of classes to honest probabilities, and from these to a class."""
