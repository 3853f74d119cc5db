"""From one picture to a model: the rooms in the order in which a training goes through them.

`commandline`, `downloads`, `photos`, `loss`, `network`, `training`, `base`, `export`; `pipeline` is the whole way.
"""
