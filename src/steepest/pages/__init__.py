"""Pages for people: one self-contained file of HTML, made of small ES modules and of numbers.

A page is a title and a list of sections, in plain JSON types. Which section is drawn how stands in
``web/sections``, one module each; `page` puts the modules and the numbers into one file.
"""

from .page import page

__all__ = ["page"]
