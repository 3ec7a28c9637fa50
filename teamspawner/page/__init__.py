"""Offers as HTML and JSON. Nothing is decided here; what is shown was judged before."""

from teamspawner.page.jsonview import document
from teamspawner.page.render import HUB_TEMPLATE_DIR, STATIC_DIR, render

__all__ = ["HUB_TEMPLATE_DIR", "STATIC_DIR", "document", "render"]
