"""From commit to production on Heroku: build once, then promote exactly that."""

__version__ = "0.1.0"
