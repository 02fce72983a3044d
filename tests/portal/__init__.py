"""A portal that a company might have: templates, protection, limits, a session and errors of its own."""

from .portal import LIMIT, guard, make_portal, protect

__all__ = ["LIMIT", "guard", "make_portal", "protect"]
