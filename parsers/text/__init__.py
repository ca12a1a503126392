"""Text before any format: decoding, numbered lines, sections, and the grammar that formats share.

Lives here: the source of lines, where one command's output ends and the next begins, endpoints, service names, stack lines.
Must not: know a format, or decide what a text means.
"""
