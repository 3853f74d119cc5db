"""The one exception that Impasto raises on purpose."""


class ImpastoError(Exception):
    """Something that the user can mend: one line that says what is wrong and what to do.

    The library raises it; only the commands turn it into an exit status (2).
    """


def one_line(error: object) -> str:
    """What an error says, which may be of another's making and of several lines, on one.

    It may quote a file of a stranger's, and a terminal obeys control characters: they become question marks.
    """
    return "".join(one if one.isprintable() else "?" for one in " ".join(str(error).split()))
