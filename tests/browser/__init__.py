"""The wizard in a real Chromium, as a person meets it: by role and name, never by CSS class."""
