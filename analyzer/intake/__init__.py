"""Files become an incident: folders and archives are walked, texts recognised, hosts and snapshots told apart.

Lives here: reading, unpacking within bounds, and sorting what was read by host and moment.
Must not: interpret a record. Evidence is only read, never written.
"""
