"""Formats of the far side: what databases, poolers and proxies list of their sessions, one server a module.

Lives here: how a server prints its sessions and who waits for whom among them, in every shape that its client prints.
Must not: know another format, join a session with a socket, or keep a literal of a statement.
"""
