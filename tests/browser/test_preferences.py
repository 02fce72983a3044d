"""What people set in their system is kept: no motion, their own colours."""

from typing import Any

from playwright.sync_api import Page

# Animations and transitions of every element, with those before and after it, that take any time. A transition that
# began before the preference was set, a chevron's that the way here has turned, may come to its end first.
MOVING = """async () => {
  const begun = document.getAnimations().filter((animation) => animation instanceof CSSTransition);
  await Promise.allSettled(begun.map((transition) => transition.finished));
  const lasting = (times) => times.split(', ').some((time) => parseFloat(time) > 0);
  const found = [];
  for (const element of document.querySelectorAll('*')) {
    for (const pseudo of [null, '::before', '::after']) {
      const {animationName, animationDuration, transitionDuration} = getComputedStyle(element, pseudo);
      const moves = (animationName !== 'none' && lasting(animationDuration)) || lasting(transitionDuration);
      if (moves) found.push(element.outerHTML.slice(0, 120) + (pseudo ?? ''));
    }
  }
  return [...found, ...document.getAnimations().map((animation) => animation.animationName ?? animation.transitionProperty)];
}"""

# What has to be told apart without any background: its edge, and what it shows of its state.
EDGES = """() => {
  const edge = (element) => {
    const {borderTopStyle, borderTopWidth, borderTopColor} = getComputedStyle(element);
    const drawn = borderTopStyle !== 'none' && !/^rgba.*, 0\\)$/.test(borderTopColor);
    return drawn ? parseFloat(borderTopWidth) : 0;
  };
  const shown = (selector) => [...document.querySelectorAll(selector)].filter((element) => element.checkVisibility()
    && element.getBoundingClientRect().width > 1);
  const without = (selector) => shown(selector).filter((element) => edge(element) === 0).map((e) => e.outerHTML.slice(0, 120));
  const widths = (selector) => [...new Set(shown(selector).map(edge))];
  return {
    bare: without('.primary, .quiet, input, textarea, .card, .callout, .summary'),
    current: widths('.steps [aria-current] .number'), other: widths('.steps li:not([aria-current]) .number'),
    wrong: widths('[aria-invalid=true]'), right: widths('form.card :is(input, textarea):not([aria-invalid], [type=checkbox])'),
    chosen: shown(':checked').filter((box) => getComputedStyle(box, '::before').content === 'none').length,
  };
}"""


def test_nothing_moves_for_people_who_want_no_motion(shown: Page) -> None:
    shown.emulate_media(reduced_motion="reduce")
    assert shown.evaluate(MOVING) == []


def test_without_colours_of_ours_everything_still_has_its_edge(shown: Page) -> None:
    shown.emulate_media(forced_colors="active")
    seen: dict[str, Any] = shown.evaluate(EDGES)
    assert seen["bare"] == []
    assert seen["chosen"] == 0
    assert not set(seen["current"]) & set(seen["other"])
    assert not set(seen["wrong"]) & {width for width in seen["right"] if width < 2}
