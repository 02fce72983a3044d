"""What we know of Supabase: how its tokens are pasted, which URLs can be its Management API. Knows no Flask."""

from .instance_urls import SUPABASE_CLOUD, InstanceUrl, InstanceUrlError, read_instance_url
from .tokens import Unwrapped, unwrap

TOKENS_PAGE = "https://supabase.com/dashboard/account/tokens"
"""Where a person makes an access token (Supabase's dashboard, Account preferences)."""

__all__ = [
    "SUPABASE_CLOUD",
    "TOKENS_PAGE",
    "InstanceUrl",
    "InstanceUrlError",
    "Unwrapped",
    "read_instance_url",
    "unwrap",
]
