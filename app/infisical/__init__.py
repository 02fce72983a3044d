"""The client of Infisical's API. Speaks HTTP, knows no Flask."""

from ..transport import Deadline
from .auth import UniversalAuth
from .client import THREADS, Infisical
from .errors import (
    InfisicalError,
    InstanceUrlRefused,
    InvalidFields,
    LoginRefused,
    NameTaken,
    NoAnswer,
    NotAMember,
    NotFound,
    NotInfisical,
    PermissionDenied,
    RateLimited,
    Reach,
    Refusal,
    Refused,
    ServerFailed,
    SupabaseFailed,
    TokenLacksPermission,
    TokenRefused,
    Unreachable,
)
from .models import AppOption, Connection, NewConnection, Organization, Project

__all__ = [
    "THREADS",
    "AppOption",
    "Connection",
    "Deadline",
    "Infisical",
    "InfisicalError",
    "InstanceUrlRefused",
    "InvalidFields",
    "LoginRefused",
    "NameTaken",
    "NewConnection",
    "NoAnswer",
    "NotAMember",
    "NotFound",
    "NotInfisical",
    "Organization",
    "PermissionDenied",
    "Project",
    "RateLimited",
    "Reach",
    "Refusal",
    "Refused",
    "ServerFailed",
    "SupabaseFailed",
    "TokenLacksPermission",
    "TokenRefused",
    "UniversalAuth",
    "Unreachable",
]
