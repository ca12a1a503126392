"""Threads that queue for one thing: locks, leased connections, tasks of a full executor.

Lives here: blocked groups with their holders, and the list of waits that a report shows.
Must not: build a finding; rules and families do.
"""
