"""Benchmarks of the whole process from outside, as `docs/lab/benchmarks.md` tells."""
