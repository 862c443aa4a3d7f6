"""Whether a release serves, and the way back where it does not."""
