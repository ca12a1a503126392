"""What a flow shows, a bit each: ``signs.py`` sets them, ``parsers/capture/flows.py`` asks for them by name."""

UPPER, SURE = 1, 2
"""The client is the upper end; that was seen, not guessed."""
TAKEN, IGNORED, RESENT = 4, 8, 16
"""Answered with more than a reset, or open before; a SYN that nothing answered; more than one SYN of the client."""
BY_CLIENT, BY_SERVER = 32, 64
"""Who ended it first: by a FIN, or by a RST where there is no FIN."""
ENDED, ENDED_BOTH, RESET, RESET_BY_CLIENT = 128, 256, 512, 1024
"""At least one FIN; a FIN of each end; a RST; one of the client."""
WAITING, LEFT = 2048, 4096
"""A request without an answer; the client's FIN or RST behind it."""
REQUESTED, ANSWERED, FULL = 8192, 16384, 32768
"""A request that can be read; with an answer; the client's last word is a full receive buffer."""
