"""What the sign-in page says when Infisical does not let somebody in, and what whoever has no identity may send."""

from ..core.limits import RetryAfter
from ..infisical import LoginRefused, Refusal
from ..web import Message
from .hosts import called, host_name

_MAKE_ANOTHER = "Make a new client secret in Infisical, at the identity, under Universal Auth."

_CREDENTIAL_REFUSED = {
    Refusal.CREDENTIAL: Message(
        "error",
        "Infisical does not accept this client ID and client secret.",
        "Check that both are copied whole and belong together, and that the secret is still there and not used up. On "
        "Infisical Cloud an identity lives either in the US or in the EU.",
    ),
    Refusal.LOCKED: Message(
        "error",
        "Infisical has locked this machine identity for some minutes.",
        "It does so after three wrong secrets. Wait five minutes: until then even the right secret is refused.",
    ),
    Refusal.SECRET_EXPIRED: Message("error", "This client secret has expired.", _MAKE_ANOTHER),
    Refusal.SECRET_USED_UP: Message(
        "error", "This client secret has been used as often as it may be.", _MAKE_ANOTHER
    ),
    Refusal.ADDRESS: Message(
        "error",
        "Infisical does not let this machine identity in from this server’s address.",
        "Whoever manages the identity can add the address, under Universal Auth, to its trusted addresses.",
    ),
}


def credential_refused(error: LoginRefused) -> Message:
    """At the client secret: why Infisical did not take the credential."""
    return _CREDENTIAL_REFUSED.get(error.refusal, _CREDENTIAL_REFUSED[Refusal.CREDENTIAL])


def not_offered(instead: str) -> Message:
    """Where a page was opened for an Infisical that is no more among those offered: which one it is for now."""
    return Message(
        "error",
        "The Infisical that this page was for is not offered here any more.",
        f"Nothing was sent. You would now sign in to {called(instead)}: if that is right, type the secret once more.",
    )


def token_refused(error: LoginRefused) -> Message:
    """At the pasted token: why Infisical did not take it."""
    if error.refusal is Refusal.ADDRESS:
        return Message(
            "error",
            "Infisical does not let this access token in from this server’s address.",
            "Whoever manages its machine identity can add the address to its trusted addresses.",
        )
    return Message(
        "error",
        "Infisical does not accept this access token.",
        "It may be cut off, expired or revoked, or belong to another Infisical. Get a new one and copy it whole.",
    )


TOO_MANY_FROM_ADDRESS = "There were too many sign-ins from your address."

TOO_LONG = Message(
    "error",
    "This access token is too long for a browser to keep.",
    "Infisical’s own are shorter. Check that nothing else was copied with it.",
)


def too_many(wait: RetryAfter) -> Message:
    """At the top: how long to wait before the next try."""
    seconds = f"{wait.seconds} second{'' if wait.seconds == 1 else 's'}"
    if wait.key == "identity":
        return Message(
            "error",
            f"Wait {seconds} before the next try.",
            "After three wrong secrets Infisical locks a machine identity, so this page tries twice in a minute at most.",
        )
    return Message("error", f"Wait {seconds} before the next try.", TOO_MANY_FROM_ADDRESS)


def request_for_an_identity(host: str) -> str:
    """What somebody without a machine identity can send to whoever may make one in that Infisical."""
    return (
        f"I need a machine identity in Infisical ({host_name(host)}), to create Supabase Connections with Infisical "
        "Connect. It needs Universal Auth and, in our project, a role that allows “Read” and “Create” on “App "
        "Connections” (read-app-connections and create-app-connections on app-connections). Give me its client ID and "
        "a client secret, the secret in a way that is fit for passwords."
    )
