"""The ways to get a commit onto a target, one file per route, and what becomes of lost replies."""
