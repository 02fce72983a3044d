"""What addresses of ours say, and where somebody comes back to: the page that they asked for, and never another site."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote_plus, urlsplit

from flask import current_app, redirect, request
from werkzeug.exceptions import HTTPException

from ..connectors.token_kinds import secret_in, without_user
from ..core.templating import BLUEPRINT, url_for
from ..infisical.auth import is_client_id
from .fields import form_fields, sync_fields
from .services import Page, services

LONGEST_ADDRESS = 4000
"""Characters. Every field of the form at its longest that is accepted stays below this, in whatever script. An address
that leads here through the sign-in page is half as long again, and the server reads 8190 of those."""

LONGEST_CARRIED = 500
"""Characters of one value: more than any field takes, less than a server refuses as too long."""

LONGEST_SIGNED = 2000
"""Characters of what a page of ours signed: a connection's state, its description included, in whatever script."""

LONGEST_PROJECT_ID = 100
"""Characters. Infisical's are UUIDs, of 36."""

_OF_PAGES = {
    **dict.fromkeys(
        ("project", "app", "q", "page", "all", "then", "since", "waited", "looked", "stop"), "text"
    ),
    **dict.fromkeys(("sort", "order", "expiring", "attention", "action", "connection", "first"), "text"),
    **dict.fromkeys(("created", "done", "state", "projects"), "signed"),
}

_HOST = re.compile(r"(https?://)?[\w-]{1,63}(\.[\w-]{1,63})*(:\d{1,5})?(/[\w/.-]{0,100})?", re.ASCII)
"""The host of an Infisical, or its address. A label has up to 63 characters, a client secret 64."""


def asked_project() -> str | None:
    """The project that the URL names, None where it names none."""
    return request.args.get("project", "").strip()[:LONGEST_PROJECT_ID] or None


def carried_values(source: Mapping[str, str]) -> dict[str, str]:
    """What a URL of ours may say, so that a page can link to itself. Nothing else is carried on: Flask's url_for reads
    some names (`_external`, `_scheme`) as orders of its own, and a secret that somebody put in a link must not
    travel."""
    return _fit(source, _typed() | _OF_PAGES)


def typed_values(source: Mapping[str, str]) -> dict[str, str]:
    """What was typed in a form and travels in URLs from page to page: everything but secrets."""
    return _fit(source, _typed())


def sync_values(source: Mapping[str, str]) -> dict[str, str]:
    """What an address says of a sync, by the names of its fields; it calls the connection `connection`."""
    connection = carried_values({"connection_id": source.get("connection", "")})
    return {**connection, **typed_values(source)}


def keep_secrets_out_of_the_address() -> Page | None:
    """A secret that stands in a link, or was pasted into a search: the same page opens at an address without it. Only
    what our pages read and say again is looked at: what a sign-in elsewhere brings back is nobody's paste."""
    kinds = _typed() | _OF_PAGES
    given = [(name, text) for name, text in request.args.items(multi=True) if name in kinds]
    if all(_plain(text, kinds[name]) == _without_secrets(text, kind=kinds[name]) for name, text in given):
        return None
    return redirect(return_url(), code=303)


def _typed() -> dict[str, str]:
    """The kind of each field that travels in URLs, by its name, in the forms of all apps."""
    rows = (row for app in services().apps for row in (*form_fields(app), *sync_fields(app)))
    return {row.name: row.kind for row in rows if row.kind != "secret"}


def _fit(source: Mapping[str, str], kinds: Mapping[str, str]) -> dict[str, str]:
    fit = {name: _without_secrets(source.get(name, ""), kind=kind) for name, kind in kinds.items()}
    return {name: text for name, text in fit.items() if text}


def _without_secrets(text: str, *, kind: str) -> str:
    """The text, a URL without the user in it; "" where it holds a secret."""
    text = without_user(text) if kind == "url" else text
    return "" if secret_in(text) else _plain(text, kind)


def _plain(text: str, kind: str) -> str:
    return text.replace("\r\n", "\n").strip()[: LONGEST_SIGNED if kind == "signed" else LONGEST_CARRIED]


def return_url() -> str:
    """The address of the page that is asked for; after a post, of the page with its form, filled in again but for the
    secrets. The start where neither is a page."""
    values = {**request.args}
    if request.method == "POST":
        values.update(request.form)
        values["project"] = request.form.get("project_id") or request.args.get("project", "")
    page = _page_at(request.path)
    return _address_of(*page, values) if page else url_for(".index")


def safe_next_url(text: str) -> str | None:
    """The page of ours that a text leads to, None where it leads elsewhere, or to one that is open to everybody. The
    address is made anew from the page and the values that our pages know: nothing of the text itself is left."""
    if not text.startswith("/") or len(text) > LONGEST_ADDRESS or not text.isprintable() or "\\" in text:
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    if parts.netloc:
        return None
    page = _page_at(parts.path.removeprefix(request.script_root))
    if page is None or getattr(current_app.view_functions[page[0]], "public", False):
        return None
    return _address_of(*page, dict(parse_qsl(parts.query)))


def _page_at(path: str) -> tuple[str, dict[str, str]] | None:
    try:
        endpoint, values = current_app.url_map.bind("").match(path, method="GET")
    except HTTPException:
        return None
    ours = endpoint.partition(".")[0] == BLUEPRINT
    return (endpoint, {name: str(value) for name, value in values.items()}) if ours else None


def _address_of(endpoint: str, places: Mapping[str, str], query: Mapping[str, str]) -> str:
    """The page's address with what it may say. Of what does not fit the longest is left out, so that the rest comes
    back."""
    carried = _sign_in_values(query) if endpoint.endswith(".sign_in") else carried_values(query)
    while True:
        address = url_for(endpoint, **{**carried, **places})
        if len(address) <= LONGEST_ADDRESS or not carried:
            return address
        del carried[max(carried, key=lambda name: len(quote_plus(carried[name])))]


def _sign_in_values(query: Mapping[str, str]) -> dict[str, str]:
    """What the address of the page where people sign in may say: nothing that may be a secret."""
    client_id, host = query.get("client_id", "").strip(), query.get("host", "")
    values = {
        "next": safe_next_url(query.get("next", "")) or "",
        "client_id": client_id if is_client_id(client_id) else "",
        "host": host if _HOST.fullmatch(host) and not secret_in(host) else "",
    }
    return {name: text for name, text in values.items() if text}
