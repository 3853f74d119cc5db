"""What all rooms use: errors, whole files, how a command ends, defaults.

In: nothing of Impasto's own. Out: small helpers that load nothing heavy.
"""
