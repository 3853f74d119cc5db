"""The one exception that Impasto raises on purpose."""


class ImpastoError(Exception):
    """An error that the user can correct: one line that says what is wrong and what to do.

    The library raises it; only the commands turn it into an exit status (2).
    """


def one_line(error: object) -> str:
    """The message of any error on one line.

    It may quote an untrusted file, and a terminal obeys control characters: they become question marks.
    """
    return "".join(character if character.isprintable() else "?" for character in " ".join(str(error).split()))
