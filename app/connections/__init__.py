"""The pages of the wizard: list, choose, token, form, created, and what can go wrong."""

# Importing the views is what adds their routes to the blueprint.
from ..rendering import url_for
from . import outcome_page, submission, views
from .doors import LARGEST_REQUEST, blueprint, is_open_to_everybody, open_to_everybody, take_cookies_in
from .fields import Message, SecretField, TextField
from .headers import host_answers, we_answer, with_headers, with_https_alone
from .host_app import stand_aside
from .http_errors import explain_http
from .people import Gate, Page, Person, Visit
from .portal import EXTENSION, Portal, StandIn, portal, utc_now
from .problems import Action, Problem
from .recording import record, refuse, request_id, result_of
from .responses import page, problem, problem_of, problem_words, see_other
from .returning import own_address, return_address

__all__ = [
    "EXTENSION",
    "LARGEST_REQUEST",
    "Action",
    "Gate",
    "Message",
    "Page",
    "Person",
    "Portal",
    "Problem",
    "SecretField",
    "StandIn",
    "TextField",
    "Visit",
    "blueprint",
    "explain_http",
    "host_answers",
    "is_open_to_everybody",
    "open_to_everybody",
    "outcome_page",
    "own_address",
    "page",
    "portal",
    "problem",
    "problem_of",
    "problem_words",
    "record",
    "refuse",
    "request_id",
    "result_of",
    "return_address",
    "see_other",
    "stand_aside",
    "submission",
    "take_cookies_in",
    "url_for",
    "utc_now",
    "views",
    "we_answer",
    "with_headers",
    "with_https_alone",
]
