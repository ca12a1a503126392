"""Reports in the reader's language: catalogues, particles, labels.

Lives here: looking up what the code says in English, and words of our own that code compares.
Must not: hold a sentence of a report.
"""
