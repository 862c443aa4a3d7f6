"""Following what others do to its end: the platform's builds and releases, the user's commands."""
