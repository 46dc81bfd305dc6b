"""What is read from measurements of a model, run as statements: premise and conclusion, exactly."""
