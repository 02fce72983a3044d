"""The apps that can be connected here, each a row in a file of its own. Knows no Flask."""

from .instance_urls import (
    CLOUD_HOST,
    SUPABASE_CLOUD,
    InstanceUrl,
    InstanceUrlError,
    Judged,
    judge,
    read_instance_url,
)
from .rows import (
    App,
    Ask,
    Checked,
    Field,
    Given,
    Guide,
    Kind,
    Message,
    Permission,
    Point,
    Purpose,
    Section,
    Step,
)
from .supabase import SUPABASE
from .supabase_api import Check, CheckResult, TokenChecks
from .token_kinds import Recognised, Unwrapped, recognise, secret_in, unwrap, without_user

APPS = (SUPABASE,)
"""Every app whose connections are made here, in the order of the page of apps."""

__all__ = [
    "APPS",
    "CLOUD_HOST",
    "SUPABASE",
    "SUPABASE_CLOUD",
    "App",
    "Ask",
    "Check",
    "CheckResult",
    "Checked",
    "Field",
    "Given",
    "Guide",
    "InstanceUrl",
    "InstanceUrlError",
    "Judged",
    "Kind",
    "Message",
    "Permission",
    "Point",
    "Purpose",
    "Recognised",
    "Section",
    "Step",
    "TokenChecks",
    "Unwrapped",
    "judge",
    "read_instance_url",
    "recognise",
    "secret_in",
    "unwrap",
    "without_user",
]
