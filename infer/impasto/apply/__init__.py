"""``apply-style``: files and films through a model.

In: a command line. Out: restyled files beside the photos, or a contact sheet.
"""
