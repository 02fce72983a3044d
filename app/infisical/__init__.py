"""The client of Infisical's API. Speaks HTTP, knows no Flask."""
