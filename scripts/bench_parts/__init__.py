"""Benchmarks of the whole process from outside, as `docs/explanation/benchmarks.md` tells."""
