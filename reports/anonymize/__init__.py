"""Consistent pseudonyms in every output, and the check that no original is left.

Lives here: what identifies people and machines, how it is replaced, and what is searched before an output leaves.
Must not: change what a report claims.
"""
