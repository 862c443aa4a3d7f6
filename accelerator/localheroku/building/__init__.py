"""Builds: buildpacks, caches, archives and the slugs that come out."""
