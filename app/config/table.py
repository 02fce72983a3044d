"""Every setting: its name, the field it fills, its default, what it is for. `make docs` writes them into the documentation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import reading
from .reading import LONGEST_SUBMIT_TIMEOUT, MINIMUM_SECRET_KEY, SHORTEST_SUBMIT_TIMEOUT


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One variable: its name, the field of `Settings` it fills, its default as text, and what it is for."""

    name: str
    field: str
    read: Callable[[str], Any]
    default: str = ""
    meaning: str


SETTINGS = (
    Setting(
        name="INFISICAL_HOST",
        field="hosts",
        read=reading.read_infisical_hosts,
        meaning="Address of your Infisical, such as `https://eu.infisical.com`. `https://` is assumed; a slash or "
        "`/api` at the end is dropped. Several, separated by commas, are offered where each person signs in.",
    ),
    Setting(
        name="INFISICAL_UNIVERSAL_AUTH_CLIENT_ID",
        field="client_id",
        read=reading.read_word,
        meaning="Client ID of the machine identity the server logs in with (Universal Auth).",
    ),
    Setting(
        name="INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET",
        field="client_secret",
        read=reading.read_secret_word,
        meaning="Its client secret.",
    ),
    Setting(
        name="INFISICAL_TOKEN",
        field="token",
        read=reading.read_secret_word,
        meaning="An Infisical access token, used as it is, instead of a client ID and secret. "
        "The server cannot renew it.",
    ),
    Setting(
        name="INFISICAL_PROJECT_ID",
        field="project_id",
        read=reading.read_word,
        meaning="ID of the project that is preselected.",
    ),
    Setting(
        name="INFISICAL_CA_BUNDLE",
        field="ca_bundle",
        read=reading.read_ca_bundle,
        meaning="PEM file with the certificates to trust, for an Infisical behind a private authority; no others are trusted there. An identity provider may be behind it as well.",
    ),
    Setting(
        name="CONNECT_BIND",
        field="bind",
        read=reading.read_bind,
        default="127.0.0.1:8000",
        meaning="Address to listen on, `HOST:PORT`, IPv6 in brackets. Port 0 takes a free one.",
    ),
    Setting(
        name="CONNECT_SECRET_KEY",
        field="secret_keys",
        read=reading.read_secret_keys,
        meaning=f"Signs forms and seals sign-ins; at least {MINIMUM_SECRET_KEY} characters. Made up at each start on a "
        "loopback address, required on any other. To replace it, write the new key, a comma and the old one.",
    ),
    Setting(
        name="CONNECT_HOSTS",
        field="served_hosts",
        read=reading.read_hosts,
        meaning="Host names that people open the pages at, separated by commas, such as `connect.example.com`. Any other "
        "is refused. Required on an address that is not loopback.",
    ),
    Setting(
        name="CONNECT_ACCESS",
        field="access",
        read=reading.read_access,
        meaning="Who may come in. `sign-in`: each person with an Infisical credential of their own. `proxy`: whoever a "
        "signing-in proxy names. `oidc`: single sign-on. Not set: `sign-in` when `INFISICAL_HOST` is set without a "
        "credential of the server’s, otherwise this machine alone.",
    ),
    Setting(
        name="CONNECT_PROXY_TRUSTED",
        field="proxy_trusted",
        read=reading.read_networks,
        meaning="Addresses or networks of your reverse proxy, separated by commas. `X-Forwarded-For`, `-Proto` and `-Host` are "
        "believed from there, one hop, and from nobody else.",
    ),
    Setting(
        name="CONNECT_PROXY_USER_HEADER",
        field="proxy_user_header",
        read=reading.read_header,
        default="X-Forwarded-User",
        meaning="With `CONNECT_ACCESS=proxy`: the header in which the proxy names the person.",
    ),
    Setting(
        name="CONNECT_PROXY_GROUPS_HEADER",
        field="proxy_groups_header",
        read=reading.read_header,
        default="X-Forwarded-Groups",
        meaning="With `CONNECT_ACCESS=proxy`: the header with the person’s groups, separated by commas.",
    ),
    Setting(
        name="CONNECT_PROXY_ALLOWED_GROUPS",
        field="proxy_allowed_groups",
        read=reading.read_names,
        meaning="With `CONNECT_ACCESS=proxy`: the groups that may come in, separated by commas. Not set: everyone the proxy "
        "names.",
    ),
    Setting(
        name="CONNECT_OIDC_ISSUER",
        field="oidc_issuer",
        read=reading.read_issuer,
        meaning="With `CONNECT_ACCESS=oidc`: the issuer of your identity provider, letter by letter as it writes it.",
    ),
    Setting(
        name="CONNECT_OIDC_CLIENT_ID",
        field="oidc_client_id",
        read=reading.read_word,
        meaning="Client ID that the identity provider gave the wizard. Its redirect address is `/sign-in/callback`.",
    ),
    Setting(
        name="CONNECT_OIDC_CLIENT_SECRET",
        field="oidc_client_secret",
        read=reading.read_secret_word,
        meaning="Its client secret.",
    ),
    Setting(
        name="CONNECT_OIDC_EXCHANGE",
        field="oidc_exchange",
        read=reading.read_switch,
        default="on",
        meaning="`on`: Infisical exchanges the person’s sign-in for an access token with that person’s rights. `off`: the "
        "server’s own credential acts for everyone in the next two.",
    ),
    Setting(
        name="CONNECT_OIDC_ALLOWED_EMAILS",
        field="oidc_allowed_emails",
        read=reading.read_emails,
        meaning="The e-mail addresses that may come in, separated by commas, as the identity provider has verified them.",
    ),
    Setting(
        name="CONNECT_OIDC_ALLOWED_GROUPS",
        field="oidc_allowed_groups",
        read=reading.read_names,
        meaning="The groups (claim `groups`) that may come in, separated by commas.",
    ),
    Setting(
        name="INFISICAL_OAUTH_CLIENT_ID",
        field="oauth_client_id",
        read=reading.read_word,
        meaning="Client ID of the OAuth application at Infisical that exchanges sign-ins. Needed with "
        "`CONNECT_ACCESS=oidc`.",
    ),
    Setting(
        name="INFISICAL_OAUTH_CLIENT_SECRET",
        field="oauth_client_secret",
        read=reading.read_secret_word,
        meaning="Its client secret.",
    ),
    Setting(
        name="CONNECT_RATE_STORAGE",
        field="rate_storage",
        read=reading.read_rate_storage,
        default="memory",
        meaning="Where it is counted how often somebody signs in, creates or checks a token: `memory`, or a Redis that "
        "several servers share, `redis://HOST:PORT`. In memory one process serves; with Redis two.",
    ),
    Setting(
        name="CONNECT_AUDIT_LOG",
        field="audit_log",
        read=reading.read_audit_log,
        default="stdout",
        meaning="File to which one line of JSON is added for each sign-in, refusal and connection created, or `stdout`.",
    ),
    Setting(
        name="CONNECT_SUBMIT_TIMEOUT",
        field="submit_timeout",
        read=reading.read_submit_timeout,
        default="45",
        meaning="Seconds for one whole submission: look-ups, checks and create together. "
        f"From {SHORTEST_SUBMIT_TIMEOUT:g} to {LONGEST_SUBMIT_TIMEOUT:g}; "
        "keep it under your proxy's own limit.",
    ),
    Setting(
        name="CONNECT_SUPABASE_HOSTS",
        field="supabase_hosts",
        read=reading.read_hosts,
        meaning="Hosts besides `api.supabase.com` that are a Supabase Management API or a proxy of it, separated by "
        "commas: a token may be sent there without a warning, and is checked there before it is saved.",
    ),
    Setting(
        name="CONNECT_PREFLIGHT",
        field="preflight",
        read=reading.read_switch,
        default="on",
        meaning="`off`: do not ask Supabase about a token, nor Infisical about the name, before the connection is "
        "created.",
    ),
    Setting(
        name="CONNECT_SANDBOX",
        field="sandbox",
        read=reading.read_switch,
        meaning="`on`: a stand-in Infisical, and every `INFISICAL_*` is ignored. `off`: never. "
        "Not set: on when no `INFISICAL_*` is set and the address is loopback.",
    ),
)
"""Every setting, in the order the documentation lists them."""
