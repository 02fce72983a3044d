"""Runs axe-core on an open page and says in words what it found."""

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
"""The rules that are run: WCAG 2.0 to 2.2, A and AA (2.2 brings target-size), and what axe holds for good practice."""

# The package has axe-core itself beside its own wrapper, which can tell neither tags nor incomplete results.
_SCRIPT = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")

# No rule of these tags reads what axe would load beforehand: other origins' stylesheets, sound and film.
_RUN = """tags => axe.run(document, {
  runOnly: {type: 'tag', values: tags}, resultTypes: ['violations', 'incomplete'], preload: false,
}).then(({violations, incomplete}) => ({violations, incomplete}))"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule at one element: `why` are axe's sentences, `target` a selector of the element."""

    rule: str
    target: str
    html: str
    why: str

    def __str__(self) -> str:
        return f"{self.rule} at {self.target}: {self.html[:160]} ({self.why})"


@dataclass(frozen=True, slots=True)
class Findings:
    """What axe found wrong, and what it could not decide."""

    violations: tuple[Finding, ...]
    incomplete: tuple[Finding, ...]


def look_at(page: Page) -> Findings:
    """What axe finds on the page as it is now."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_SCRIPT)
    told = page.evaluate(_RUN, list(TAGS))
    return Findings(_findings(told["violations"]), _findings(told["incomplete"]))


def _findings(rules: list[dict[str, Any]]) -> tuple[Finding, ...]:
    return tuple(
        Finding(
            rule=rule["id"],
            target=" ".join(str(step) for step in node["target"]),
            html=node["html"],
            why="; ".join(check["message"] for kind in ("any", "all", "none") for check in node[kind]),
        )
        for rule in rules
        for node in rule["nodes"]
    )
