"""The apps that can be connected here, each a row in a file of its own. Knows no Flask."""

from .instance_urls import CLOUD_HOST, SUPABASE_CLOUD
from .rows import App, Checked, Field, Given, Guide, Message, Step
from .supabase import SUPABASE
from .supabase_api import CheckResult, TokenChecks
from .token_kinds import recognise, secret_in, unwrap, without_user

__all__ = [
    "APPS",
    "CLOUD_HOST",
    "SUPABASE",
    "SUPABASE_CLOUD",
    "App",
    "CheckResult",
    "Checked",
    "Field",
    "Given",
    "Guide",
    "Message",
    "Step",
    "TokenChecks",
    "recognise",
    "secret_in",
    "unwrap",
    "without_user",
]

APPS = (SUPABASE,)
"""Every app whose connections are made here, in the order of the page of apps."""
