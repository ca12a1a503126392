"""What a user can mend: a wrong request, or evidence that holds nothing."""


class UsageError(Exception):
    """The request contradicts itself; the text says what to do."""


class Unusable(Exception):  # noqa: N818 - it names what the evidence is, not a failure of the program
    """Nothing that could be read was given; the text says what to do."""


class Disclosed(Exception):  # noqa: N818 - what has happened
    """After ``--anonymize`` an original is left. The message names it and is for the user's own terminal."""
