"""Whether the pages can be mounted in a Flask app, and what they take from it: its keys."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from flask.sessions import SecureCookieSessionInterface

from .config import Access, Settings, SettingsError
from .core.secret import Secret
from .core.templating import BLUEPRINT
from .web import EXTENSION


def check_portal(portal: Flask, *, url_prefix: str, guard: Callable[[], Any]) -> None:
    """Raises ValueError, or TypeError for the guard, where the pages cannot be mounted in the portal with these."""
    if EXTENSION in portal.extensions:
        raise ValueError("the wizard is already in this app, and an app can hold it once")
    if BLUEPRINT in portal.blueprints:
        raise ValueError(
            f"this app has a blueprint called {BLUEPRINT} of its own; give that one another name"
        )
    if portal.url_map.host_matching:
        raise ValueError("an app with host_matching cannot hold the wizard, whose pages belong to no host")
    if not url_prefix.startswith("/") or not url_prefix.strip("/") or "<" in url_prefix:
        raise ValueError("url_prefix must be a path below the app's own, such as /connect, without variables")
    if not callable(guard):
        raise TypeError("guard must be a function that returns a Person or a response")


def check_settings(settings: Settings) -> None:
    """Raises SettingsError where the settings leave it to the wizard who comes in, or give it no credential."""
    if settings.access is Access.THIS_MACHINE:
        return
    raise SettingsError(
        (
            "Inside another Flask app its guard says who may come in, and the server's own credential acts; leave "
            "CONNECT_ACCESS out, and set INFISICAL_UNIVERSAL_AUTH_CLIENT_ID and "
            "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET, or INFISICAL_TOKEN.",
        )
    )


def signing_keys(portal: Flask, settings: Settings) -> tuple[Secret, ...]:
    """The keys of the settings, or else the portal's own. The first signs, all of them open.

    Raises ValueError where there is none, or where the portal's session, which the pages need, lacks one.
    """
    needs_one = not settings.secret_keys or isinstance(portal.session_interface, SecureCookieSessionInterface)
    if needs_one and not portal.secret_key:
        raise ValueError("this app has no SECRET_KEY, which its session needs; set it before mount()")
    fallbacks = portal.config.get("SECRET_KEY_FALLBACKS") or ()
    return settings.secret_keys or tuple(_as_secret(key) for key in (portal.secret_key, *fallbacks) if key)


def _as_secret(key: str | bytes) -> Secret:
    return Secret(key.hex() if isinstance(key, bytes) else key)
