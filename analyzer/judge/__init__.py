"""Rules are run, findings ranked and tied to their causes, and the verdict is chosen.

Lives here: the engine, symptoms without a cause, and the tables of a diagnosis.
Must not: read files, or know a rule by name where a property of its finding tells the same.
"""
