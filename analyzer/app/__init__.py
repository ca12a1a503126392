"""The command line: options in, exit code out.

Lives here: commands, settings, progress, writing of outputs, the collector script.
Must not: compute a diagnosis or a sentence of a report.
"""
