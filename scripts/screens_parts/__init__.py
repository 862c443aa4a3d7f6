"""Screens of the command in a real terminal, for looking at them."""
