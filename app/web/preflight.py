"""What is asked before the create, at the same time: Supabase about the access token, Infisical about the name."""

from dataclasses import dataclass, replace

from ..connectors import CheckResult, InstanceUrl, Message
from ..core.secret import Secret
from ..infisical import (
    Connection,
    Deadline,
    InfisicalError,
    NewConnection,
    TokenLacksPermission,
    TokenRefused,
)
from .problems import field_messages
from .services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What both said. `checks` is None where tokens are not checked, `taken` the connection that has the name."""

    checks: CheckResult | None = None
    taken: Connection | None = None


def ask(running: Services, new: NewConnection, *, url: InstanceUrl, deadline: Deadline) -> Answers:
    """Both answers. What could not be asked is left open: the create asks Infisical the same, and it decides."""
    if running.checks is None:
        return Answers()
    asking = running.threads.submit(ask_supabase, running, new.secrets[0], url=url, deadline=deadline)
    taken = _connection_that_has_the_name(running, new, deadline=deadline)
    return Answers(checks=asking.result(), taken=taken)


def ask_supabase(
    running: Services, token: Secret, *, url: InstanceUrl, deadline: Deadline
) -> CheckResult | None:
    """The five checks; None where tokens are not checked."""
    if running.checks is None:
        return None
    return running.checks.check(token, url, deadline_seconds=deadline.remaining())


def message_of(checks: CheckResult) -> Message | None:
    """What a check that stops the submission says at the token; None when nothing stops it, or a wait does."""
    kinds = {"refused": TokenRefused, "lacks-permission": TokenLacksPermission}
    kind = kinds.get(checks.kind_of_stop or "")
    if kind is None:
        return None
    (_, message), *_ = field_messages(kind(""))
    told = next(row.advice for row in checks.rows if row.state == "failed")
    return replace(message, detail=f"{told} Nothing was created.")


def wait_message(checks: CheckResult) -> Message:
    """What is said when Supabase asks to wait.

    The submission stops here, because Infisical would store a token that Supabase never accepted (recorded exchange
    slow-429-forever).
    """
    seconds = checks.retry_after or 60
    unit = "second" if seconds == 1 else "seconds"
    return Message(
        "error",
        f"Supabase asks to wait {seconds} {unit}.",
        "It has had too many requests for now and cannot check the token. Nothing was created.",
    )


def _connection_that_has_the_name(
    running: Services, new: NewConnection, *, deadline: Deadline
) -> Connection | None:
    try:
        return running.infisical.connection_named(
            new.app, new.name, project_id=new.project_id, deadline=deadline
        )
    except InfisicalError:
        return None
