"""A stand-in Infisical and Supabase on SQLite, reached in this process: for trying the wizard out, and for tests."""

from .factory import SANDBOX_HOST, create_sandbox
from .fates import FATES, Fate, sandbox_token
from .starting_data import (
    SANDBOX_CLIENT_ID,
    SANDBOX_CLIENT_SECRET,
    SANDBOX_OAUTH_CLIENT_ID,
    SANDBOX_OAUTH_CLIENT_SECRET,
)
from .store import prepare_database
from .tokens import sandbox_person_token
from .transport import SandboxTransport

__all__ = [
    "FATES",
    "SANDBOX_CLIENT_ID",
    "SANDBOX_CLIENT_SECRET",
    "SANDBOX_HOST",
    "SANDBOX_OAUTH_CLIENT_ID",
    "SANDBOX_OAUTH_CLIENT_SECRET",
    "Fate",
    "SandboxTransport",
    "create_sandbox",
    "prepare_database",
    "sandbox_person_token",
    "sandbox_token",
]
