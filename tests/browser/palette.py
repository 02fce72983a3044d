"""The colours of the stylesheet in both themes, how much they contrast, and which of them meet on an open page."""

import re
from dataclasses import dataclass
from itertools import product
from typing import Literal

from playwright.sync_api import Page

from app.core.templating import STATIC

_COLOUR = re.compile(r"--([a-z-]+):\s*#([0-9a-f]{3}|[0-9a-f]{6})\s*;")
_ROOT = re.compile(r":root\s*\{([^}]*)\}")

Pair = tuple[str, str]
"""What stands in front and what it stands on, as custom properties without their hyphens."""

ThemeName = Literal["light", "dark"]
THEMES: tuple[ThemeName, ...] = ("light", "dark")

Theme = dict[str, str]
"""Custom property → `#rrggbb`."""


def stylesheet() -> str:
    return (STATIC / "connect.css").read_text(encoding="utf-8")


def themes() -> dict[ThemeName, Theme]:
    """The light and the dark theme; the dark one names every colour anew."""
    return dict(zip(THEMES, _blocks()[:2], strict=True))


def themes_of_more_contrast() -> dict[ThemeName, Theme]:
    """The same for people whose system asks for more contrast; what these blocks do not name stays."""
    light, dark, more, more_in_the_dark = _blocks()
    return {"light": light | more, "dark": light | dark | more | more_in_the_dark}


def _blocks() -> list[Theme]:
    return [_colours(block) for block in _ROOT.findall(stylesheet())]


def outside_the_palette() -> str:
    """The stylesheet without the two blocks that name the colours."""
    return _ROOT.sub("", stylesheet())


def _colours(block: str) -> Theme:
    return {name: f"#{_long(digits)}" for name, digits in _COLOUR.findall(block)}


def _long(digits: str) -> str:
    return digits if len(digits) == 6 else "".join(2 * digit for digit in digits)


def contrast(front: str, ground: str) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    lighter, darker = sorted((_luminance(front), _luminance(ground)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    """The relative luminance of `#rrggbb` (WCAG 2.2, "relative luminance")."""
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


TEXTS: frozenset[Pair] = frozenset(
    (front, ground)
    for front, grounds in {
        "text": ("page", "surface", "sunken", "hover", "fill", "tint", "warning-tint", "danger-tint"),
        "muted": ("page", "surface", "sunken", "hover", "warning-tint"),
        "accent": ("page", "surface", "sunken", "hover", "tint", "warning-tint"),
        "accent-hover": ("page", "surface", "hover", "warning-tint"),
        "on-accent": ("accent", "accent-hover"),
        "danger": ("page", "surface", "sunken", "hover", "danger-tint"),
        "on-danger": ("danger", "danger-hover"),
        "warning": ("page", "surface", "sunken", "hover", "warning-tint"),
    }.items()
    for ground in grounds
)
"""Every text and icon with the ground that it stands on, also under the mouse."""

EDGES: frozenset[Pair] = frozenset(
    (line, ground)
    for line, grounds in {
        "border": ("page", "surface", "hover", "warning-tint", "danger-tint"),
        "accent": ("page", "surface", "sunken", "hover", "tint", "warning-tint"),
        "accent-hover": ("page", "surface"),
        "danger": ("page", "surface", "warning-tint", "danger-tint"),
        "warning": ("page", "surface"),
        "on-accent": ("accent",),
        "drawn": ("page", "surface", "sunken"),
        "muted": ("page", "surface", "fill"),
    }.items()
    for ground in grounds
)
"""Borders of fields and buttons, the focus ring (accent) beside whatever it is drawn on, the tick in a box (on-accent),
lines of drawings (drawn), and the bar of the time that passed (muted, with its mark)."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """Two colours that meet on a page, by every name that they have in its theme, and where."""

    pairs: frozenset[Pair]
    where: str


def texts_on(page: Page, theme: Theme) -> list[Meeting]:
    """Every visible text and icon with its ground, texts in drawings and placeholders included."""
    return _meetings(page, "texts", theme)


def edges_on(page: Page, theme: Theme) -> list[Meeting]:
    """The border of every field and button with what lies on both sides; of a filled one that is what lies outside."""
    return _meetings(page, "edges", theme)


def _meetings(page: Page, kind: str, theme: Theme) -> list[Meeting]:
    return [
        Meeting(frozenset(product(_names(front, theme), _names(ground, theme))), where)
        for front, ground, where in page.evaluate(f"({_LOOK})().{kind}()")
    ]


def _names(computed: str, theme: Theme) -> list[str]:
    """What a computed colour is called: all its names, or itself where it is not in the palette."""
    red, green, blue, *alpha = re.findall(r"[\d.]+", computed)
    colour = f"#{int(red):02x}{int(green):02x}{int(blue):02x}"
    if alpha not in ([], ["1"]):
        return [computed]
    return [name for name, known in theme.items() if known == colour] or [computed]


_LOOK = r"""() => {
  const clear = (colour) => /^(none|transparent)$|^rgba.*, 0\)$/.test(colour);
  const style = (element, pseudo) => getComputedStyle(element, pseudo);
  const seen = (box) => box.width > 1 && box.height > 1;
  const shown = (element) => element.checkVisibility() && seen(element.getBoundingClientRect());
  const told = (element) => element.outerHTML.slice(0, 120);

  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      if (!clear(style(at).backgroundColor)) return style(at).backgroundColor;
    }
    return "rgb(0, 0, 0)";
  };

  // In a drawing a text stands on the last filled shape before it that lies under its middle.
  const drawnGround = (text) => {
    const box = text.getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const under = [...text.ownerSVGElement.querySelectorAll("rect, path, circle")].filter((shape) => {
      const its = shape.getBoundingClientRect();
      return text.compareDocumentPosition(shape) & Node.DOCUMENT_POSITION_PRECEDING && !clear(style(shape).fill)
        && its.left <= x && x <= its.right && its.top <= y && y <= its.bottom;
    });
    return under.length ? style(under.at(-1)).fill : ground(text.ownerSVGElement);
  };

  const texts = () => {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      if (!walker.currentNode.data.trim() || element.closest("script, style, noscript, title") || !shown(element)) continue;
      if (element.ownerSVGElement) found.push([style(element).fill, drawnGround(element), told(element)]);
      else found.push([style(element).color, ground(element), told(element)]);
    }
    for (const icon of document.querySelectorAll("svg.icon")) {
      if (shown(icon)) found.push([style(icon).color, ground(icon), told(icon)]);
    }
    for (const field of document.querySelectorAll("input:not([type=hidden], [type=radio], [type=checkbox]), select, textarea")) {
      if (!shown(field)) continue;
      found.push([style(field).color, ground(field), told(field)]);
      if (field.placeholder) found.push([style(field, "::placeholder").color, ground(field), told(field)]);
    }
    return found;
  };

  const edges = () => [...document.querySelectorAll("input, select, textarea, button, .primary, .quiet, .purpose")].flatMap((control) => {
    const {borderTopWidth, borderTopColor: border, backgroundColor: fill} = style(control);
    if (!shown(control) || parseFloat(borderTopWidth) === 0 || clear(border)) return [];
    const outside = ground(control.parentElement);
    if (fill === border) return [[fill, outside, told(control)]];
    return [[border, outside, told(control)], [border, ground(control), told(control)]];
  });

  return {texts, edges};
}"""
