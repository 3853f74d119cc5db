"""Variants of an exported model for engines and uses that the shipped form does not suit: ``export-style``."""
