"""Findings that several rules build alike: a remote service that does not answer, causes that only packets show.

Lives here: what two or more rules share of a finding, and a second story that a rule tells of the same cause from other evidence.
Must not: be run by the engine; a rule asks for it.
"""
