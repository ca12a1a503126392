"""What a user can mend: a wrong request, or evidence that holds nothing."""


def text_of(error: Exception) -> str:
    """What an error says; a message stays one, for the terminal to say it in its language."""
    first = error.args[0] if len(error.args) == 1 else None
    return first if isinstance(first, str) else str(error)


class Mendable(Exception):  # noqa: N818 - what the user can mend is not always an error
    """The sentence says what is wrong and what to do."""

    @property
    def text(self) -> str:
        """The sentence."""
        return text_of(self)


class UsageError(Mendable):
    """The request contradicts itself; the text says what to do."""


class Unusable(Mendable):
    """Nothing that could be read was given; the text says what to do."""


class Disclosed(Mendable):
    """After ``--anonymize`` an original is left. The message names it and is for the user's own terminal."""
