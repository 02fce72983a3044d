"""The pages of the wizard: list, choose, token, form, created, and what can go wrong."""

# Importing the pages is what adds their routes to the blueprint.
from . import create, detail, edit, lists, pending

__all__ = ["create", "detail", "edit", "lists", "pending"]
