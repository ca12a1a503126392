"""Artifacts are joined: rows of all tools become connections, dumps and tables become processes, ends find their peers.

Lives here: connections, processes, captures, clocks, descriptor and name links between sockets and threads.
Must not: judge what a wait means, or write sentences of a report.
"""
