"""A diagnosis becomes words, numbers and order, ready to print.

Lives here: everything that all formats show, computed once.
Must not: know a format, or print.
"""
