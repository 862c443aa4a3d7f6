"""A Heroku-compatible platform on this machine: API, git, builds, dynos and a router.

Nothing here is shared with the client, so that a mistake in one cannot hide in the other.
"""
