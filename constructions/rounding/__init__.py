"""What rounding does to a prediction: bounds on every run of a float format."""
