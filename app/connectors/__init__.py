"""What we know of Supabase: its tokens, its addresses, and how to ask it about a token. Knows no Flask."""

from .check_results import Check, CheckResult
from .instance_urls import SUPABASE_CLOUD, InstanceUrl, InstanceUrlError, read_instance_url, without_user
from .supabase_api import TokenChecks
from .token_kinds import Recognised, recognise, secret_in
from .tokens import Unwrapped, unwrap
from .wrong_urls import CLOUD_HOST, Judged, judge

TOKENS_PAGE = "https://supabase.com/dashboard/account/tokens"
"""Where a person makes an access token (Supabase's dashboard, Account preferences)."""

__all__ = [
    "CLOUD_HOST",
    "SUPABASE_CLOUD",
    "TOKENS_PAGE",
    "Check",
    "CheckResult",
    "InstanceUrl",
    "InstanceUrlError",
    "Judged",
    "Recognised",
    "TokenChecks",
    "Unwrapped",
    "judge",
    "read_instance_url",
    "recognise",
    "secret_in",
    "unwrap",
    "without_user",
]
