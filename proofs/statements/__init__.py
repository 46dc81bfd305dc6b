"""What is proved for every n, d and k, and how: one module of theorems per subject."""
