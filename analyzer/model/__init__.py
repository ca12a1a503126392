"""The vocabulary of the analyzer: incidents, findings, diagnoses, messages, errors.

Lives here: immutable structs that cross the floors, and how a message remembers the values it was made of.
Must not: compute a cause, read a file, or import anything of the analyzer above.
"""
