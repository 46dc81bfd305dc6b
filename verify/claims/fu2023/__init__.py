"""The statements of fu2023."""
