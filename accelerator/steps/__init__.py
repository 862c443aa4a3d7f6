"""The stories, which read from top to bottom, over rooms: compare, guard, route, verify, follow."""
