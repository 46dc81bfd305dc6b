"""What is no regression on examples (x, y)."""
