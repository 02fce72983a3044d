"""Tests held against recorded exchanges with a running Infisical."""
