"""Releases and promotions made, dynos run."""
