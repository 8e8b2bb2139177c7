"""What the processor and the operating system give."""
