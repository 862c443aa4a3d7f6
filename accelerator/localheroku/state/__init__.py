"""What the platform knows and the rules for changing it, without any HTTP."""
