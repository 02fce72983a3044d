"""What the app that the pages are mounted in does to each request, and how ours are left out of it."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint
from flask_limiter import Limiter
from flask_wtf import CSRFProtect


def stand_aside(extensions: Mapping[str, Any], ours: Blueprint) -> None:
    """Has the app's Flask-WTF and Flask-Limiter leave our pages to our own checks, and nothing else of the app's.

    May be called again and again.
    """
    csrf = extensions.get("csrf")
    if isinstance(csrf, CSRFProtect):
        csrf.exempt(ours)
    for limiter in extensions.get("limiter", ()):
        if isinstance(limiter, Limiter):
            limiter.exempt(ours)
