"""Telling the user something while the work goes on."""

from collections.abc import Callable

Say = Callable[[str], None]
"""Takes one line for the user: `print`, or what writes past a progress bar."""
