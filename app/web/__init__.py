"""The pages of the wizard: list, choose, token, form, created, and what can go wrong."""

# Importing the pages is what adds their routes to the blueprint.
from . import (
    create,
    detail,
    edit,
    lists,
    native,
    native_moves,
    pending,
    sync_changes,
    sync_detail,
    sync_list,
    syncs,
)

__all__ = [
    "create",
    "detail",
    "edit",
    "lists",
    "native",
    "native_moves",
    "pending",
    "sync_changes",
    "sync_detail",
    "sync_list",
    "syncs",
]
