"""What goes into the audit log, with who did it, from where, and in which request."""

import secrets

from flask import g, request

from ..core.audit import Action, Entry
from ..infisical import Connection, InfisicalError
from .auth_context import Page, Principal, current_auth
from .problems import RESULTS, Problem
from .problems import Action as Link
from .render import problem
from .services import services


def request_id() -> str:
    """The name of this request, in its answer's headers and in the audit log. It is ours: one that a client sends
    could be made to look like another's."""
    if "connect_request_id" not in g:
        g.connect_request_id = secrets.token_hex(8)
    told: str = g.connect_request_id
    return told


def record(
    action: Action,
    result: str,
    *,
    person: Principal | None = None,
    project: str | None = None,
    connection: Connection | None = None,
    connection_name: str | None = None,
    error: InfisicalError | None = None,
) -> None:
    """Adds one line to the audit log. `person` is whoever was let in, unless another is named."""
    held = current_auth()
    who = person or (held.person if held else None)
    services().audit.write(
        Entry(
            at=services().clock(),
            action=action,
            result=result,
            subject=who.subject if who else None,
            name=who.name if who else None,
            way_in=who.way_in if who else None,
            address=request.remote_addr,
            request_id=request_id(),
            project=project,
            connection_id=connection.id if connection else None,
            connection_name=connection.name if connection else connection_name,
            infisical_request_id=error.request_id if error else None,
        )
    )


def result_of(error: InfisicalError) -> str:
    """The word for an error in the audit log: such as token-refused."""
    return RESULTS[type(error)]


def deny(
    shown: Problem | str, *, person: Principal | None = None, actions: tuple[Link, ...] = (), **values: str
) -> Page:
    """The page for somebody who may not come in or may not do it, once that is in the audit log.

    The catalogue names it; `values` stand in its words, `actions` replace its own.
    """
    slug = shown.partition("/")[0] if isinstance(shown, str) else shown.slug
    record("refusal", slug, person=person)
    return problem(shown, scope=None, status=None, actions=actions, retry_after=None, **values)
