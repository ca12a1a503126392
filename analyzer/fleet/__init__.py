"""Many incidents: finds them, spreads them over processes or machines, keeps what is done, and remembers what was seen.

Lives here: the walk that tells incidents apart, the engines that run a task on each, the file of finished rows, the history.
Must not: diagnose, or lay out a report.
"""
