"""The templates as Python modules.

``compiled_templates.py`` of the folder above writes one module for each template when the package is built; they are not committed. Each names
the template's bytes and the form of Jinja's code that it was made for; :class:`reports.formats.compiled_templates.BuiltLoader` asks for both.
Nothing else belongs here.
"""
