"""``export-style``: the same model for engines that need it in another form.

In: an exported model. Out: another precision, layout, dial or size, compared with it.
"""
