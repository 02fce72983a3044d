"""Whether a post comes from a page of ours: what the browser says of its origin, and the token of the page."""

from flask import request
from flask_wtf.csrf import generate_csrf, validate_csrf
from wtforms import ValidationError

from ..core.secret import Secret, derived
from .services import services

FIELD = "csrf_token"
"""Name of the hidden field in every form that posts."""

# Under a name of its own: a host application may keep a token in the same session and signs it with another key.
_KEPT_AS = "connect_csrf"

# It lives as long as the browser's session, for people leave to make a token and come back. Flask-WTF reads None as
# one hour.
_FOREVER = 100 * 365 * 24 * 60 * 60


def page_token() -> str:
    """The token that a page puts into its forms."""
    token: str = generate_csrf(secret_key=_key_of(services().secret_keys[0]), token_key=_KEPT_AS)
    return token


def carries_our_token() -> bool:
    """Whether the post carries the token of a page that was served to this browser."""
    return any(_signed_with(key, request.form.get(FIELD)) for key in services().secret_keys)


def is_cross_site() -> bool:
    """Whether the browser says that another site posts. One that says nothing is judged by the token alone."""
    told = request.headers.get("Sec-Fetch-Site")
    if told is not None:
        return told not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is not None and origin != f"{request.scheme}://{request.host}".lower()


def surely_from_here() -> bool:
    """Whether the browser says that a page of ours posts. Only then is what was typed given back."""
    return request.headers.get("Sec-Fetch-Site") == "same-origin"


def _signed_with(key: Secret, token: str | None) -> bool:
    try:
        validate_csrf(token, secret_key=_key_of(key), time_limit=_FOREVER, token_key=_KEPT_AS)
    except ValidationError:
        return False
    return True


def _key_of(key: Secret) -> str:
    return derived(key, purpose="forgery").reveal()
