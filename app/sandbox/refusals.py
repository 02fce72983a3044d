"""How the sandbox says no: the status, the error's name and the sentence that Infisical was recorded with."""

import secrets
import string
from typing import Any

_LETTERS = string.ascii_letters + string.digits


class Refusal(Exception):
    """Ends a request with an error answer; `to_json` is its body, `wait` the seconds until it comes."""

    def __init__(
        self, status: int, error: str, message: str | list[dict[str, Any]], *, wait: float = 0
    ) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.message = message
        self.wait = wait

    def to_json(self) -> dict[str, Any]:
        """The body, with a request id of its own, keys in the recorded order."""
        body: dict[str, Any] = {"reqId": _request_id(), "statusCode": self.status, "message": self.message}
        if self.error == "PermissionDenied":
            body["details"] = []
        return body | {"error": self.error}


def _request_id() -> str:
    return "req-" + "".join(secrets.choice(_LETTERS) for _ in range(14))


class ExchangeRefusal(Refusal):
    """A refusal of the token exchange, in OAuth's spelling. The sentences are made up: none was recorded."""

    def to_json(self) -> dict[str, Any]:
        return {"error": self.error, "error_description": self.message}


def bad_request(message: str, *, wait: float = 0) -> Refusal:
    return Refusal(400, "BadRequest", message, wait=wait)


def unauthorized(message: str) -> Refusal:
    return Refusal(401, "UnauthorizedError", message)


def bad_token(message: str) -> Refusal:
    return Refusal(403, "TokenError", message)


def not_found(message: str) -> Refusal:
    return Refusal(404, "NotFound", message)


def not_valid(issues: list[dict[str, Any]]) -> Refusal:
    return Refusal(422, "ValidationFailure", issues)


def broken(error: str = "InternalServerError") -> Refusal:
    """Malformed JSON, and whatever the database of a real Infisical chokes on, end as a bare 500."""
    return Refusal(500, error, "Something went wrong")


def denied(action: str) -> Refusal:
    return Refusal(403, "PermissionDenied", f"You are not allowed to {action} on app-connections")


def wrong_address() -> Refusal:
    """From Infisical's source, as the next one; neither was recorded."""
    return Refusal(
        403, "ForbiddenError", "You are not allowed to access this resource from the current IP address"
    )


def wrong_kind_of_caller(path: str) -> Refusal:
    """The refusal where only people may call, or only machine identities."""
    return Refusal(403, f"Forbidden access to {path}", "You are not allowed to access this resource")


def no_member(project_id: str) -> Refusal:
    return Refusal(
        403,
        "ProjectMembershipNotFound",
        f"You are not a member of this project with ID {project_id}. Please assign this identity to the project "
        "with the appropriate permissions, then try again.",
    )
