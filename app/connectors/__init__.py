"""The apps that can be connected here, each a row in a file of its own. Knows no Flask."""

from .supabase import SUPABASE
from .supabase_api import Check as Check
from .supabase_api import CheckResult as CheckResult
from .supabase_api import Destination as Destination
from .supabase_api import TokenChecks as TokenChecks

APPS = (SUPABASE,)
"""Every app whose connections are made here, in the order of the page of apps."""
