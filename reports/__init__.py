"""The second floor: a diagnosis becomes a page.

``view.build`` computes every word, number and order; one module per format prints them. Nothing here is imported before it is needed,
because the template engine alone costs more time than a terminal verdict.
"""

FORMATS = ("html", "md", "jira", "text", "json", "summary")
"""The formats in the order in which help texts list them."""
