"""One module a format: HTML, Markdown, Jira, text, terminal, summary.

Lives here: layout and escaping of what the view gives.
Must not: compute; a format that needs a number asks the view.
"""
