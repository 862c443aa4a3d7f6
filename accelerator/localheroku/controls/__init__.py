"""The controls under `/local/v1`, and what they steer."""
