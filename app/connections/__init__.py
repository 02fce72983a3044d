"""The pages of the wizard: list, choose, token, form, created, and what can go wrong."""

# Importing the views is what adds their routes to the blueprint.
from . import outcome_page, submission
from .portal import EXTENSION, Portal, StandIn, portal, utc_now
from .problems import Action, Problem
from .responses import Page, problem
from .views import blueprint

__all__ = [
    "EXTENSION",
    "Action",
    "Page",
    "Portal",
    "Problem",
    "StandIn",
    "blueprint",
    "outcome_page",
    "portal",
    "problem",
    "submission",
    "utc_now",
]
