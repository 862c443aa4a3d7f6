"""The port of each app, and what passes through it."""
