"""Formats that describe a process or its host: limits, counters, descriptors, system calls, ps, top, status, dates.

Lives here: what /proc, procps and the collector print, one format a module.
Must not: know another format, or compare values with limits.
"""
