"""What Infisical accepts in a body, and the issues it answers otherwise: codes, words, paths and order as recorded."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

Issue = dict[str, Any]
Check = Callable[[str], Issue | None]

_SLUG = re.compile(r"([a-z0-9]+(-[a-z0-9]+)*)?")
_MISSING = object()


@dataclass(frozen=True, kw_only=True, slots=True)
class TextRule:
    """One text field of a body. Texts are trimmed before they are checked, as Infisical does."""

    key: str
    checks: tuple[Check, ...] = ()
    required: bool = False
    nullable: bool = False

    def issues(self, body: dict[str, Any], path: Sequence[str] = ()) -> list[Issue]:
        """What is wrong with this field of the body; `path` is where the body lies in the whole."""
        value = body.get(self.key, _MISSING)
        here = [*path, self.key]
        if isinstance(value, str):
            found = (check(value.strip()) for check in self.checks)
            return [issue | {"path": here} for issue in found if issue]
        if (value is _MISSING and not self.required) or (value is None and self.nullable):
            return []
        return [wrong_type(_javascript_type(value), expected="string", path=here)]


def wrong_type(received: str, *, expected: str, path: Sequence[str]) -> Issue:
    """The issue of a value of another type; types are called as in JavaScript, a missing value "undefined"."""
    message = "Required" if received == "undefined" else f"Expected {expected}, received {received}"
    return {
        "code": "invalid_type",
        "expected": expected,
        "received": received,
        "path": list(path),
        "message": message,
    }


def _javascript_type(value: object) -> str:
    if value is _MISSING:
        return "undefined"
    if value is None:
        return "null"
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]


def _length(text: str) -> int:
    """JavaScript counts UTF-16 units: most emoji count twice."""
    return len(text.encode("utf-16-le")) // 2


def _at_least_one(message: str) -> Check:
    issue = {"code": "too_small", "minimum": 1, "type": "string", "inclusive": True, "exact": False}
    return lambda text: None if text else issue | {"message": message}


def _at_most(maximum: int, message: str) -> Check:
    issue = {"code": "too_big", "maximum": maximum, "type": "string", "inclusive": True, "exact": False}
    return lambda text: None if _length(text) <= maximum else issue | {"message": message}


def _slug(text: str) -> Issue | None:
    if _SLUG.fullmatch(text):
        return None
    return {
        "code": "custom",
        "message": "name field can only contain lowercase letters, numbers, and hyphens",
    }


def _url(text: str) -> Issue | None:
    if _is_url(text):
        return None
    return {"validation": "url", "code": "invalid_string", "message": "Invalid url"}


def _is_url(text: str) -> bool:
    """JavaScript's `new URL` in outline: any scheme will do, but http and https need a host without odd characters."""
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text):
        return False
    try:
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https"):
            return True
        return bool(parts.hostname) and parts.port != 0 and not re.search(r'[\s<>"^|%{}`]', parts.netloc)
    except ValueError:
        return False


_DEFAULT_TOO_LONG = "String must contain at most 255 character(s)"
_CREDENTIALS = (
    TextRule(
        key="accessKey",
        required=True,
        checks=(_at_least_one("Access Key required"), _at_most(255, _DEFAULT_TOO_LONG)),
    ),
    TextRule(key="instanceUrl", checks=(_url, _at_most(255, _DEFAULT_TOO_LONG))),
)
_NAME_CHECKS = (
    _at_least_one("name field must be at least 1 lowercase character"),
    _at_most(64, "name field must be at most 64 lowercase characters"),
    _slug,
)
_DESCRIPTION = TextRule(
    key="description", nullable=True, checks=(_at_most(256, "Description cannot exceed 256 characters"),)
)
_CREATE = (TextRule(key="name", required=True, checks=_NAME_CHECKS), _DESCRIPTION, TextRule(key="projectId"))
_CHANGE = (TextRule(key="name", checks=_NAME_CHECKS), _DESCRIPTION)
_NOT_SUPPORTED = ("isPlatformManagedCredentials", "isAutoRotationEnabled")

LOGIN = (TextRule(key="clientId", required=True), TextRule(key="clientSecret", required=True))
ACCESS_TOKEN = (TextRule(key="accessToken", required=True),)


def issues_of(body: object, rules: Sequence[TextRule]) -> list[Issue]:
    """The issues of a body that is one object of texts."""
    if not isinstance(body, dict):
        return [wrong_type(_javascript_type(body), expected="object", path=())]
    return [issue for rule in rules for issue in rule.issues(body)]


def issues_of_new_connection(body: object) -> list[Issue]:
    """The issues of a create's body.

    The server reads the body twice, once for its credentials and once for the rest: the credentials' issues come
    first (create-empty-object), and a body that is no object is told twice (create-no-content-type).
    """
    if not isinstance(body, dict):
        return [wrong_type(_javascript_type(body), expected="object", path=())] * 2
    return _method_issues(body) + issues_of(body, _CREATE) + _not_supported(body)


def issues_of_change(body: object) -> list[Issue]:
    """The issues of a PATCH's body, in which everything may be left out."""
    if not isinstance(body, dict):
        return [wrong_type(_javascript_type(body), expected="object", path=())] * 2
    credentials = _credentials_issues(body) if "credentials" in body else []
    return credentials + issues_of(body, _CHANGE) + _not_supported(body)


def _method_issues(body: dict[str, Any]) -> list[Issue]:
    if body.get("method") == "access-token":
        return _credentials_issues(body)
    return [
        {
            "code": "invalid_union_discriminator",
            "options": ["access-token"],
            "path": ["method"],
            "message": "Invalid discriminator value. Expected 'access-token'",
        }
    ]


def _credentials_issues(body: dict[str, Any]) -> list[Issue]:
    credentials = body.get("credentials", _MISSING)
    if not isinstance(credentials, dict):
        return [wrong_type(_javascript_type(credentials), expected="object", path=["credentials"])]
    return [issue for rule in _CREDENTIALS for issue in rule.issues(credentials, ["credentials"])]


def _not_supported(body: dict[str, Any]) -> list[Issue]:
    return [
        {
            "received": body[key],
            "code": "invalid_literal",
            "expected": False,
            "path": [key],
            "message": "Not supported for Supabase Connections",
        }
        for key in _NOT_SUPPORTED
        if body.get(key, False) is not False
    ]
