"""Offers as HTML and JSON. Nothing is decided here; what is shown was judged before."""

from teamspawner.page.jsonview import document
from teamspawner.page.render import STATIC_DIR, TEMPLATE_DIR, render

__all__ = ["STATIC_DIR", "TEMPLATE_DIR", "document", "render"]
