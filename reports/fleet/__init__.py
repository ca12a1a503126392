"""Many incidents on one page: the table of a fleet as text, TSV, JSON and HTML, and the page of a history.

Lives here: the contract ``fleet/1``, grouping and order of rows, layout and escaping.
Must not: diagnose, read evidence or a store.
"""
