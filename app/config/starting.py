"""What may start: which settings belong together, and who may come in where."""

from collections.abc import Iterator, Mapping
from typing import Any

from .names import in_words, infisical_names
from .reading import Access, Bind
from .table import SETTINGS

_CLIENT_ID = "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID"
_CLIENT_SECRET = "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET"  # noqa: S105  # the name of a variable
_CREDENTIAL = (_CLIENT_ID, _CLIENT_SECRET, "INFISICAL_TOKEN")
_OAUTH = ("INFISICAL_OAUTH_CLIENT_ID", "INFISICAL_OAUTH_CLIENT_SECRET")
_PROVIDER = ("CONNECT_OIDC_ISSUER", "CONNECT_OIDC_CLIENT_ID", "CONNECT_OIDC_CLIENT_SECRET")
_ALLOWED = ("CONNECT_OIDC_ALLOWED_EMAILS", "CONNECT_OIDC_ALLOWED_GROUPS")

_ONLY_WITH = {
    Access.PROXY: (
        "CONNECT_PROXY_USER_HEADER",
        "CONNECT_PROXY_GROUPS_HEADER",
        "CONNECT_PROXY_ALLOWED_GROUPS",
    ),
    Access.OIDC: (*_PROVIDER, "CONNECT_OIDC_EXCHANGE", *_ALLOWED, *_OAUTH),
}
"""Settings that another way in would leave without effect, although whoever wrote them counts on them."""

_DEFAULTS = {setting.name: setting.default for setting in SETTINGS}

Texts = Mapping[str, str]
Values = Mapping[str, Any]


_AT_OUR_DOOR = (
    "CONNECT_ACCESS",
    "CONNECT_HOSTS",
    "CONNECT_PROXY_TRUSTED",
    *_ONLY_WITH[Access.PROXY],
    *(name for name in _ONLY_WITH[Access.OIDC] if name not in _OAUTH),
)
"""Settings about who comes in, which is for the guard to say where the wizard is mounted in another app."""


def mounted_texts(texts: Texts) -> Texts:
    """What counts of the settings where the wizard is mounted in another app.

    Where that app listens is not known, so the sandbox does not start by itself.
    """
    kept = {name: text for name, text in texts.items() if name not in ("CONNECT_BIND", *_AT_OUR_DOOR)}
    return {"CONNECT_SANDBOX": "off", **kept}


def mounted_faults(texts: Texts) -> Iterator[str]:
    """What is set although a mounted wizard does not heed it, and whoever wrote it counts on it."""
    idle = _written(texts, _AT_OUR_DOOR)
    if idle:
        yield (
            f"{in_words(idle)} {_are(idle)} set, and inside another Flask app its guard says who may come in; "
            f"leave {'it' if len(idle) == 1 else 'them'} out."
        )


def is_sandbox(texts: Texts, values: Values) -> bool:
    """Whether this is the sandbox: asked for, or nothing of Infisical's is set and only this machine can come in."""
    chosen: bool | None = values.get("sandbox")
    if chosen is not None:
        return chosen
    return not infisical_names(texts) and _outside(values) is None


def access_of(texts: Texts, values: Values) -> Access:
    """The way in: the one that was chosen, or each person's own sign-in where the server has no credential."""
    chosen: Access | None = values.get("access")
    if chosen is not None:
        return chosen
    if values["sandbox"] or "INFISICAL_HOST" not in texts or _set(texts, _CREDENTIAL):
        return Access.THIS_MACHINE
    return Access.SIGN_IN


def start_faults(texts: Texts, values: Values) -> Iterator[str]:
    """What is wrong with the settings taken together. A variable that is set but faulty counts as set here.

    `values` has `sandbox` and `access` in it.
    """
    outside = _outside(values)
    if not values["sandbox"]:
        if "INFISICAL_HOST" not in texts:
            yield _missing_host(texts, outside=outside)
        yield from _credential_faults(texts, values)
    yield from _access_faults(texts, values)
    if outside:
        yield from _outside_faults(texts, values, outside=outside)


def _outside(values: Values) -> Bind | None:
    """The address to listen on, where other machines can reach it."""
    bind: Bind | None = values.get("bind")
    return bind if bind is not None and not bind.loopback else None


def _set(texts: Texts, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name in texts)


def _written(texts: Texts, names: tuple[str, ...]) -> tuple[str, ...]:
    """Those that were set to something: .env.example, which people copy, has every default in it."""
    return tuple(name for name in names if texts.get(name, _DEFAULTS[name]) != _DEFAULTS[name])


def _unset(texts: Texts, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in texts)


def _are(names: tuple[str, ...]) -> str:
    return "is" if len(names) == 1 else "are"


def _missing_host(texts: Texts, *, outside: Bind | None) -> str:
    names = infisical_names(texts)
    if names:
        reason = f", although {in_words(names)} {_are(names)}"
    elif outside:
        reason = f", and by itself the sandbox starts on a loopback address alone, not on {outside}"
    else:
        reason = ", and CONNECT_SANDBOX is off"
    return (
        f"INFISICAL_HOST is not set{reason}; "
        "set it to the address of your Infisical, or set CONNECT_SANDBOX=on to try the wizard on made-up data."
    )


def _credential_faults(texts: Texts, values: Values) -> Iterator[str]:
    pair = _set(texts, (_CLIENT_ID, _CLIENT_SECRET))
    if pair and "INFISICAL_TOKEN" in texts:
        yield f"INFISICAL_TOKEN and {in_words(pair)} are set, and the server logs in with one of them; keep one."
    elif len(pair) == 1:
        other = _CLIENT_SECRET if pair == (_CLIENT_ID,) else _CLIENT_ID
        yield f"{other} is not set, although {pair[0]} is; a machine identity logs in with both."
    held = _set(texts, _CREDENTIAL)
    if _people_bring_their_own(values) and held:
        yield (
            f"{in_words(held)} {_are(held)} set, and with CONNECT_ACCESS={values['access']} each person acts with rights of "
            "their own; leave the server's credential out."
        )
    elif not _people_bring_their_own(values) and not held and "INFISICAL_HOST" in texts:
        yield (
            f"CONNECT_ACCESS={values['access']} lets the server act, and it has no credential; "
            f"set {_CLIENT_ID} and {_CLIENT_SECRET}, or INFISICAL_TOKEN."
        )
    hosts = values.get("hosts", ())
    if len(hosts) > 1 and values["access"] is not Access.SIGN_IN:
        yield "INFISICAL_HOST names several hosts, and only where each person signs in can one be chosen; keep one."


def _people_bring_their_own(values: Values) -> bool:
    exchanged = values["access"] is Access.OIDC and values.get("oidc_exchange", True)
    return values["access"] is Access.SIGN_IN or exchanged


def _access_faults(texts: Texts, values: Values) -> Iterator[str]:
    access: Access = values["access"]
    for other, names in _ONLY_WITH.items():
        idle = _written(texts, names) if access is not other else ()
        if idle:
            yield f"{in_words(idle)} {_are(idle)} set, and counts only with CONNECT_ACCESS={other}."
    if access is Access.THIS_MACHINE:
        idle = _set(texts, ("CONNECT_PROXY_TRUSTED", "CONNECT_HOSTS"))
        if idle:
            yield (
                f"{in_words(idle)} {_are(idle)} set, and without CONNECT_ACCESS nobody but this machine may come in; "
                "set CONNECT_ACCESS to sign-in, proxy or oidc."
            )
    if access is Access.PROXY and "CONNECT_PROXY_TRUSTED" not in texts:
        yield (
            "CONNECT_PROXY_TRUSTED is not set, and with CONNECT_ACCESS=proxy whoever reaches the server could name "
            "themselves; set it to the address of the proxy."
        )
    if access is Access.OIDC:
        yield from _oidc_faults(texts, values)


def _oidc_faults(texts: Texts, values: Values) -> Iterator[str]:
    exchange = values.get("oidc_exchange", True)
    wanted = (*_PROVIDER, *(_OAUTH if exchange and not values["sandbox"] else ()))
    missing = _unset(texts, wanted)
    if missing:
        yield f"{in_words(missing)} {_are(missing)} not set, although CONNECT_ACCESS is oidc."
    if exchange:
        return
    idle = _set(texts, _OAUTH)
    if idle:
        yield f"{in_words(idle)} {_are(idle)} set, and counts only with CONNECT_OIDC_EXCHANGE=on."
    if not _set(texts, _ALLOWED):
        yield (
            "CONNECT_OIDC_EXCHANGE is off, so whoever signs in acts with the server's own credential; set "
            f"{_ALLOWED[0]} or {_ALLOWED[1]} to those who may."
        )


def _outside_faults(texts: Texts, values: Values, *, outside: Bind) -> Iterator[str]:
    if values["access"] is Access.THIS_MACHINE and (values["sandbox"] or _set(texts, _CREDENTIAL)):
        yield (
            f"CONNECT_BIND is {outside}, which other machines can reach, and nothing says who may come in; set "
            "CONNECT_ACCESS to sign-in, proxy or oidc, or CONNECT_BIND to a loopback address such as 127.0.0.1:8000."
        )
    if "CONNECT_SECRET_KEY" not in texts:
        yield (
            f"CONNECT_SECRET_KEY must be set, because CONNECT_BIND is {outside}, which is not a loopback address; "
            'make one with: python3 -c "import secrets; print(secrets.token_urlsafe(32))".'
        )
    if "CONNECT_HOSTS" not in texts and values["access"] is not Access.THIS_MACHINE:
        yield (
            f"CONNECT_HOSTS must be set, because CONNECT_BIND is {outside}, which is not a loopback address; "
            "set it to the name that people open the pages at, such as connect.example.com."
        )
