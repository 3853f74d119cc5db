"""Drills: faults made on purpose, to see that nothing is lost, nothing is left half-written and nobody gets in."""
