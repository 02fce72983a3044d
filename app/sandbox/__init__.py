"""A stand-in Infisical and Supabase on SQLite, reached in this process: for trying the wizard out, and for tests."""

# Importing the views is what adds their routes to the app.
from . import auth as auth
from . import connections as connections
from . import native as native
from . import syncs as syncs
from .app import SANDBOX_HOST as SANDBOX_HOST
from .app import SandboxTransport as SandboxTransport
from .app import create_sandbox as create_sandbox
from .store import SANDBOX_CLIENT_ID as SANDBOX_CLIENT_ID
from .store import SANDBOX_CLIENT_SECRET as SANDBOX_CLIENT_SECRET
from .store import SANDBOX_OAUTH_CLIENT_ID as SANDBOX_OAUTH_CLIENT_ID
from .store import SANDBOX_OAUTH_CLIENT_SECRET as SANDBOX_OAUTH_CLIENT_SECRET
from .store import prepare_database as prepare_database
from .supabase import SCENARIOS as SCENARIOS
from .supabase import sandbox_token as sandbox_token
