"""The sections of the page: one module and one template of the same name each.

Belongs here: choosing, ordering and wording what a section shows; `build(reading)` returns it ready for the template.
Does not: markup, and numbers that a mart should hold.
"""
