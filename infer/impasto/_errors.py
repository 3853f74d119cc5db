"""The one exception that Impasto raises on purpose."""


class ImpastoError(Exception):
    """Something that the user can mend: one line that says what is wrong and what to do.

    The library raises it; only the commands turn it into an exit status (2).
    """
