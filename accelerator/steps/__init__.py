"""The story, one file a step: ship, deploy, prepare, compare, promote, release, build, verify."""
