"""Formats of socket tables, one module each: lsof, netstat of several systems, ss, lsfd, /proc/net.

Lives here: how a tool prints rows of sockets and open files, with a real sample in each docstring.
Must not: know another format, join rows, or have an opinion about a state.
"""
