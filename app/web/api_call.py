"""The same connection as an API call, for people who would rather script the next one."""

import json
import shlex

from ..infisical import Connection


def as_api_call(connection: Connection, *, base_url: str) -> str:
    """A curl command for a POSIX shell that makes the same connection; the two secrets are variables.

    The token is called `accessKey`, as the server reads it. The heredoc expands the two variables, so every dollar
    sign, backtick and backslash of the values themselves is escaped.
    """
    body: dict[str, object] = {"name": connection.name, "method": connection.method}
    if connection.description:
        body["description"] = connection.description
    if connection.project_id:
        body["projectId"] = connection.project_id
    body["credentials"] = {"accessKey": "SUPABASE_ACCESS_TOKEN"}
    if connection.instance_url:
        body["credentials"] = {"accessKey": "SUPABASE_ACCESS_TOKEN", "instanceUrl": connection.instance_url}
    text = json.dumps(body, indent=2, ensure_ascii=False)
    for character in ("\\", "$", "`"):
        text = text.replace(character, f"\\{character}")
    text = text.replace('"accessKey": "SUPABASE_ACCESS_TOKEN"', '"accessKey": "$SUPABASE_ACCESS_TOKEN"')
    return (
        "curl --json @- \\\n"
        '  -H "Authorization: Bearer $INFISICAL_TOKEN" \\\n'
        f"  {shlex.quote(f'{base_url}/api/v1/app-connections/supabase')} <<JSON\n{text}\nJSON"
    )
