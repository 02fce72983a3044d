"""How the apps and methods of connections are called on pages, and which rows a list shows."""

from dataclasses import dataclass
from datetime import datetime

from ..infisical import Connection

SUPABASE = "supabase"

# Only what capitalizing the wire name would get wrong; Infisical's /options has the names, but a list that asked for
# them would make a second call for a few letters.
_NAMES = {
    "1password": "1Password",
    "auth0": "Auth0",
    "aws": "AWS",
    "azure-devops": "Azure DevOps",
    "azure-entra-id": "Azure Entra ID",
    "circleci": "CircleCI",
    "dbt": "DBT",
    "external-infisical": "Infisical",
    "flyio": "Fly.io",
    "gcp": "GCP",
    "github": "GitHub",
    "gitlab": "GitLab",
    "hashicorp-vault": "HCVault",
    "ldap": "LDAP",
    "mongodb": "MongoDB",
    "mssql": "Microsoft SQL Server",
    "mysql": "MySQL",
    "oci": "OCI",
    "open-router": "OpenRouter",
    "oracledb": "OracleDB",
    "ovh": "OVH",
    "postgres": "PostgreSQL",
    "smb": "Windows",
    "ssh": "SSH",
    "teamcity": "TeamCity",
    "travis-ci": "Travis CI",
    "trigger-dev": "Trigger.dev",
}

_METHODS = {
    "api-key": "API key",
    "api-token": "API token",
    "github-app": "GitHub App",
    "oauth": "OAuth",
    "pat": "Personal access token",
    "ssh-key": "SSH key",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One connection in a list. `leaves` tells that `href` leads to Infisical's dashboard."""

    name: str
    description: str | None
    app_name: str
    method_name: str
    created_at: datetime
    href: str
    leaves: bool
    initials: str
    is_supabase: bool


def app_name(app: str) -> str:
    return _NAMES.get(app) or app.replace("-", " ").title()


def method_name(method: str) -> str:
    return _METHODS.get(method) or method.replace("-", " ").capitalize()


def row_of(connection: Connection, *, href: str) -> Row:
    """The row for a connection that is shown at `href`."""
    supabase = connection.app == SUPABASE
    return Row(
        name=connection.name,
        description=connection.description,
        app_name=app_name(connection.app),
        method_name=method_name(connection.method),
        created_at=connection.created_at,
        href=href,
        leaves=not supabase,
        initials=app_name(connection.app)[:2],
        is_supabase=supabase,
    )


def matches(query: str, *texts: str | None) -> bool:
    """Whether every word of a search is in one of the texts, in any case."""
    haystack = "\n".join(text.casefold() for text in texts if text)
    return all(word in haystack for word in query.casefold().split())
