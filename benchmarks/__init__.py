"""How good and how fast: each module is a command, ``python -m benchmarks.<name> --help``."""
