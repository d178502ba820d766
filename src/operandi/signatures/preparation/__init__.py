"""What is learned from training rows before a model: each step fits on them alone."""
