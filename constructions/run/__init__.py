"""Running a witness: its plan, the forward pass in any arithmetic, the dense torch module."""
