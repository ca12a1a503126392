"""Facts become evidence with file and line: of threads, sockets, packets, growth and movement over snapshots.

Lives here: what rules look for, as facts with the rows and threads that show them; claims with their basis, and the sentences that state them.
Must not: decide between causes.
"""
