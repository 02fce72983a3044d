"""Where somebody comes back to: the page that they asked for, with what they typed, and never another site."""

import re
from urllib.parse import parse_qsl, quote_plus, urlsplit

from flask import current_app, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from ..connectors import secret_in
from ..core.templating import BLUEPRINT, url_for
from ..infisical import is_client_id
from .csrf import surely_from_here
from .forms import ConnectionForm, form_of
from .render import carried_values

LONGEST_ADDRESS = 4000
"""Characters. Every field of the form at its longest that is accepted stays below this, in whatever script. An address
that leads here through the sign-in page is half as long again, and the server reads 8190 of those."""

_NOT_A_PLACE = frozenset({"static_file", "healthz", "readyz", "sign_in", "sign_out", "depart", "arrive"})
"""Pages that nobody is led back to."""


_HOST = re.compile(r"(https?://)?[\w-]{1,63}(\.[\w-]{1,63})*(:\d{1,5})?(/[\w/.-]{0,100})?", re.ASCII)
"""The host of an Infisical, or its address. A label has up to 63 characters, a client secret 64."""


def return_url() -> str:
    """The address of this very page; after a post, of the page with the form, filled in again but for the token.

    What was typed is given back only where the browser says that a page of ours posted it.
    """
    if request.method == "POST" and surely_from_here() and request.endpoint == f"{BLUEPRINT}.submit":
        return form_again(form_of((request.view_args or {})["app"], request.form))
    if request.method == "POST" and surely_from_here() and request.endpoint == f"{BLUEPRINT}.submit_sign_in":
        return _sign_in_again()
    return _within_bounds(request.path, {**request.args}) or url_for(".index")


def form_again(filled: ConnectionForm) -> str:
    """The address of the form that was posted, filled in again but for the token."""
    typed = {"project": (filled.project_id.data or "").strip(), **filled.typed}
    return _within_bounds(request.path, {**request.args, **typed}) or url_for(".index")


def _sign_in_again() -> str:
    """The page where people sign in, with what was typed there but for the secrets, in whichever field they stand."""
    client_id, host = request.form.get("client_id", "").strip(), request.form.get("host", "")
    return url_for(
        ".sign_in",
        next=safe_next_url(request.form.get("next", "")),
        client_id=client_id if is_client_id(client_id) else None,
        host=host if _HOST.fullmatch(host) and not secret_in(host) else None,
    )


def safe_next_url(told: str) -> str | None:
    """The page of ours that a text leads to, None where it leads elsewhere.

    The address is made anew from the page and the values that our pages know: nothing of the text itself is left.
    """
    if not told.startswith("/") or len(told) > LONGEST_ADDRESS or not told.isprintable():
        return None
    try:
        parts = urlsplit(told)
    except ValueError:
        return None
    if parts.scheme or parts.netloc or "\\" in told:
        return None
    path = parts.path.removeprefix(request.script_root)
    return _page_of(path, dict(parse_qsl(parts.query)))


def _within_bounds(path: str, query: dict[str, str]) -> str | None:
    """The page's address. Of what does not fit the longest is left out, so that the rest comes back."""
    address = _page_of(path, query)
    if address is None or len(address) <= LONGEST_ADDRESS or not query:
        return address
    longest = max(query, key=lambda name: len(quote_plus(query[name])))
    return _within_bounds(path, {name: text for name, text in query.items() if name != longest})


def _page_of(path: str, query: dict[str, str]) -> str | None:
    try:
        endpoint, places = current_app.url_map.bind("").match(path, method="GET")
    except (HTTPException, RequestRedirect):
        return None
    owner, _, name = endpoint.rpartition(".")
    if owner != BLUEPRINT or name in _NOT_A_PLACE:
        return None
    return url_for(
        f".{name}", **{**carried_values(query), **{key: str(value) for key, value in places.items()}}
    )
