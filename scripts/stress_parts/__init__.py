"""The parts of `scripts/stress`: many commits at once, faults and kills, then the proof."""
