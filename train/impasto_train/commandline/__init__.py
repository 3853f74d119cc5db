"""Command lines derived from dataclasses of options.

In: what was typed. Out: options that are checked and have one default each.
"""
