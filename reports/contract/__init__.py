"""The versioned JSON of a diagnosis, which scripts rely on.

Lives here: the structs of diagnosis/1 and their schema.
Must not: change a field within a version; fields may be added.
"""
