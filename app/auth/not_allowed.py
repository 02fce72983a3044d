"""The page for somebody who signed in, and is not among those who may come in."""

from ..web import Action, Problem


def not_allowed(who: str, *, lede: str, actions: tuple[Action, ...] = ()) -> Problem:
    """`lede` says as whom they signed in and what they lack."""
    return Problem(
        slug="not-allowed",
        status=403,
        title="You may not use this wizard",
        lede=lede,
        icon="lock",
        ask_heading="Whom to ask",
        ask_lede="Whoever runs this server, or whoever keeps the groups of your company.",
        ask=f"I need to use Infisical Connect, as {who}.",
        actions=actions,
    )
