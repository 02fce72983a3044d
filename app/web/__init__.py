"""The pages of the wizard: list, choose, token, form, created, and what can go wrong."""

# Importing the views is what adds their routes to the blueprint.
from ..connectors import Message
from ..core.templating import url_for
from . import create, detail, lists, pending, status
from .forms import SecretField, TextField
from .hooks import (
    LARGEST_REQUEST,
    blueprint,
    explain_http,
    host_answers,
    is_public,
    public,
    stand_aside,
    take_cookies_in,
    we_answer,
    with_headers,
    with_https_alone,
)
from .problems import Action, Problem, result_of
from .redirects import return_url, safe_next_url
from .render import deny, page, problem, problem_of, problem_words, see_other
from .services import (
    EXTENSION,
    AuthBackend,
    AuthContext,
    Page,
    Principal,
    SandboxInfo,
    Services,
    record,
    request_id,
    services,
    utc_now,
)

__all__ = [
    "EXTENSION",
    "LARGEST_REQUEST",
    "Action",
    "AuthBackend",
    "AuthContext",
    "Message",
    "Page",
    "Principal",
    "Problem",
    "SandboxInfo",
    "SecretField",
    "Services",
    "TextField",
    "blueprint",
    "create",
    "deny",
    "detail",
    "explain_http",
    "host_answers",
    "is_public",
    "lists",
    "page",
    "pending",
    "problem",
    "problem_of",
    "problem_words",
    "public",
    "record",
    "request_id",
    "result_of",
    "return_url",
    "safe_next_url",
    "see_other",
    "services",
    "stand_aside",
    "status",
    "take_cookies_in",
    "url_for",
    "utc_now",
    "we_answer",
    "with_headers",
    "with_https_alone",
]
