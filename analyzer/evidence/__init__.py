"""Facts become evidence with file and line: of threads, sockets, packets, growth and movement over snapshots.

Lives here: claims with their basis, and the sentences that state them.
Must not: decide between causes.
"""
