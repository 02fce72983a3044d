"""A stand-in Infisical and Supabase on SQLite, reached in this process: for trying the wizard out, and for tests."""

from .app import SANDBOX_HOST, create_sandbox
from .auth import (
    SANDBOX_CLIENT_ID,
    SANDBOX_CLIENT_SECRET,
    SANDBOX_OAUTH_CLIENT_ID,
    SANDBOX_OAUTH_CLIENT_SECRET,
    sandbox_person_token,
)
from .store import prepare_database
from .supabase import SCENARIOS, Scenario, sandbox_token
from .transport import SandboxTransport

__all__ = [
    "SANDBOX_CLIENT_ID",
    "SANDBOX_CLIENT_SECRET",
    "SANDBOX_HOST",
    "SANDBOX_OAUTH_CLIENT_ID",
    "SANDBOX_OAUTH_CLIENT_SECRET",
    "SCENARIOS",
    "SandboxTransport",
    "Scenario",
    "create_sandbox",
    "prepare_database",
    "sandbox_person_token",
    "sandbox_token",
]
