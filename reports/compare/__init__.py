"""Two reports become one comparison: findings gone, new and the same.

Lives here: reading kept JSON, pairing of findings, and the text of a comparison.
Must not: diagnose.
"""
