"""What is looked at on a page that was walked to: each look tells what is wrong there, and tells all of it."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, Literal

from playwright.sync_api import Page

from tests.pages import PageFault, read_page

from .axe import look_at
from .palette import EDGES, TEXTS, THEMES, edges_on, texts_on, themes
from .stage import Stage

Look = Callable[[Stage], Iterator[str]]

REQUESTS_OF_A_PAGE = 12
"""How many a page may cost at most where nothing of it is in the browser's cache."""

ZOOMED = (320, 256)
"""A window of 1280 × 1024 at 400 %, in CSS pixels (WCAG 2.2, 1.4.10)."""

A4 = (718, 1047)
"""A sheet with margins of 10 mm, in CSS pixels."""

# Colours are decided by the palette: axe gives up where one element lies over another.
DECIDED_ELSEWHERE = {"color-contrast"}


def view(
    page: Page,
    *,
    size: tuple[int, int] = (1280, 800),
    theme: Literal["light", "dark"] = "light",
    media: Literal["screen", "print"] = "screen",
    forced_colors: Literal["active", "none"] = "none",
    reduced_motion: Literal["reduce", "no-preference"] = "no-preference",
) -> None:
    """Shows the page as somebody has it; what is not named is as most have it."""
    width, height = size
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(
        media=media, color_scheme=theme, forced_colors=forced_colors, reduced_motion=reduced_motion
    )


# ── What was sent ──────────────────────────────────────────────────────────────────────────────────────────────────


def what_was_sent_is_valid_and_light(stage: Stage) -> Iterator[str]:
    """A page may cost so much in a browser that has nothing: its own bytes, and every file that the way to it needed."""
    for document in stage.scales.documents:
        try:
            read_page(document.text)
        except PageFault as fault:
            yield f"{document.path}: {fault}"
    statics = stage.scales.statics
    *_, last = stage.scales.documents
    weight = last.size + sum(answer.size for answer in statics)
    if weight > stage.most or 1 + len(statics) > REQUESTS_OF_A_PAGE:
        yield f"it weighs {weight:,} in {1 + len(statics)} requests: {stage.scales}"


# ── axe and the palette ────────────────────────────────────────────────────────────────────────────────────────────


def axe_finds_nothing_wide_and_light(stage: Stage) -> Iterator[str]:
    view(stage.page)
    yield from _found_by_axe(stage.page)


def axe_finds_nothing_in_any_theme_and_width(stage: Stage) -> Iterator[str]:
    for width, theme in product((1280, 360), THEMES):
        view(stage.page, size=(width, 800), theme=theme)
        yield from (f"{theme}, {width} px: {found}" for found in _found_by_axe(stage.page))


def _found_by_axe(page: Page) -> Iterator[str]:
    told = look_at(page)
    yield from map(str, told.violations)
    yield from (str(finding) for finding in told.incomplete if finding.rule not in DECIDED_ELSEWHERE)


def every_text_and_edge_stands_on_a_ground_of_the_tables(stage: Stage) -> Iterator[str]:
    for theme, colours in themes().items():
        view(stage.page, theme=theme)
        texts = texts_on(stage.page, colours)
        if not texts:
            yield "there is no text"
        yield from (f"{theme}: {text}" for text in texts if not text.pairs & TEXTS)
        yield from (f"{theme}: {edge}" for edge in edges_on(stage.page, colours) if not edge.pairs & EDGES)


# ── Zoom and wider text ────────────────────────────────────────────────────────────────────────────────────────────

# What sticks out at the right, and text that is cut off, unless it stands in something that scrolls by itself. What a
# field says while it is empty is measured beside the page, in its own font.
LOST = """() => {
  const wide = document.documentElement.clientWidth;
  const scrolls = (e) => e !== document.body && (/auto|scroll/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
  const unseen = (e) => !!e.closest('.unseen') || getComputedStyle(e).clipPath !== 'none'
    || (e.parentElement && e.parentElement !== document.body && unseen(e.parentElement));
  const told = (e) => e.outerHTML.slice(0, 120);
  const all = [...document.body.querySelectorAll('*')].filter((e) => e.checkVisibility() && !e.ownerSVGElement && !unseen(e));
  const out = all.filter((e) => e.getBoundingClientRect().right > wide + 0.5 && !scrolls(e.parentElement));
  const cut = all.filter((e) => /hidden|clip/.test(getComputedStyle(e).overflow) && e.innerText?.trim()
    && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1));
  const room = ({paddingLeft, paddingRight}, width) => width - parseFloat(paddingLeft) - parseFloat(paddingRight);
  const pen = new OffscreenCanvas(1, 1).getContext('2d');
  const said = all.filter((e) => e.placeholder).filter((e) => {
    const style = getComputedStyle(e);
    Object.assign(pen, {font: style.font, letterSpacing: style.letterSpacing, wordSpacing: style.wordSpacing});
    return pen.measureText(e.placeholder).width > room(style, e.clientWidth) + 1;
  });
  const wider = document.documentElement.scrollWidth - wide;
  return [...(wider > 0 ? [`${wider} px too wide`] : []), ...out.map((e) => `sticks out: ${told(e)}`),
    ...[...cut, ...said].map((e) => `is cut: ${told(e)}`)];
}"""

WIDER_TEXT = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync('* {line-height:1.5 !important; letter-spacing:.12em !important; word-spacing:.16em !important}'
    + 'p {margin-bottom:2em !important}');
  document.adoptedStyleSheets = [sheet];
}"""
"""The text spacing that people may set for themselves (WCAG 2.2, 1.4.12)."""

USUAL_TEXT = "() => { document.adoptedStyleSheets = []; }"


def at_400_percent_zoom_nothing_is_lost_and_nothing_scrolls_sideways(stage: Stage) -> Iterator[str]:
    view(stage.page, size=ZOOMED)
    yield from stage.page.evaluate(LOST)


def wider_text_fits(stage: Stage) -> Iterator[str]:
    stage.page.evaluate(WIDER_TEXT)
    for width in (1280, 360):
        view(stage.page, size=(width, 800))
        yield from (f"{width} px: {lost}" for lost in stage.page.evaluate(LOST))
    stage.page.evaluate(USUAL_TEXT)


# ── The keyboard ───────────────────────────────────────────────────────────────────────────────────────────────────

# Where the focus has come; whether an outline is drawn round it, round what it covers, or round its label; and whether
# a person can see it: in view, or so much of it as fits, and nothing lies over it.
FOCUSED = """() => {
  const at = document.activeElement;
  if (at === document.body) return null;
  // A date has several stops of Tab inside, and the outline is round the first of them.
  const again = at === window.visited.at(-1);
  const over = !again && window.visited.includes(at);
  if (!again) window.visited.push(at);
  const drawn = again || [[at], [at, '::after'], [at.closest('label') ?? at]].map((where) => getComputedStyle(...where))
    .some((style) => style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
      && !/transparent|, 0\\)$/.test(style.outlineColor));
  const label = at.matches('[type=radio], [type=checkbox]') ? at.closest('label') : null;
  const rects = [...(label ?? at).getClientRects()].filter((rect) => rect.width > 1 && rect.height > 1);
  const seen = rects.some(({left, top, right, bottom}) => {
    const [first, last] = [Math.max(top, 0), Math.min(bottom, innerHeight)];
    if (left < 0 || right > innerWidth + 1 || last - first < Math.min(bottom - top, 16) - 1) return false;
    const hit = document.elementFromPoint(left + Math.min(8, (right - left) / 2), (first + last) / 2);
    return !!hit && (at.contains(hit) || hit.contains(at) || hit.closest('label')?.control === at);
  });
  return {over, wrong: [drawn || 'has no outline', seen || 'is not in view', at.outerHTML.slice(0, 160)]
    .filter((found) => found !== true)};
}"""

# What Tab may reach and has not; of a group of radio buttons it is the chosen one.
MISSED = """() => [...document.querySelectorAll('a[href], button, input, textarea, select, summary, [tabindex="0"]')]
  .filter((e) => e.tabIndex >= 0 && e.checkVisibility() && (e.type !== 'radio' || e.checked) && !window.visited.includes(e))
  .map((e) => `Tab does not come to ${e.outerHTML.slice(0, 160)}`)"""

MORE_THAN_ANY_PAGE_HAS = 150


def tab_comes_to_every_control_and_each_can_be_seen_to_have_the_focus(stage: Stage) -> Iterator[str]:
    yield from _found_with_tab(stage.page, size=ZOOMED)


def so_it_does_on_a_wide_screen(stage: Stage) -> Iterator[str]:
    yield from _found_with_tab(stage.page, size=(1280, 800))


def _found_with_tab(page: Page, *, size: tuple[int, int]) -> Iterator[str]:
    view(page, size=size)
    page.evaluate("() => { window.visited = []; document.activeElement.blur(); }")
    for _ in range(MORE_THAN_ANY_PAGE_HAS):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused is None:
            continue
        if focused["over"]:
            yield from page.evaluate(MISSED)
            return
        if len(focused["wrong"]) > 1:
            yield ", ".join(focused["wrong"])
    yield "Tab does not come to an end"


# ── What people set in their system ────────────────────────────────────────────────────────────────────────────────

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
EDGES_ALONE = """() => {
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
    bare: without('.primary, .quiet, input, select, textarea, .card, .callout, .summary'),
    current: widths('.steps [aria-current] .number'), other: widths('.steps li:not([aria-current]) .number'),
    wrong: widths('[aria-invalid=true]'), right: widths('form.card :is(input, textarea):not([aria-invalid], [type=checkbox])'),
    chosen: shown(':checked').filter((box) => getComputedStyle(box, '::before').content === 'none').length,
  };
}"""


def nothing_moves_for_people_who_want_no_motion(stage: Stage) -> Iterator[str]:
    view(stage.page, reduced_motion="reduce")
    yield from stage.page.evaluate(MOVING)


def without_colours_of_ours_everything_still_has_its_edge(stage: Stage) -> Iterator[str]:
    view(stage.page, forced_colors="active")
    seen: dict[str, Any] = stage.page.evaluate(EDGES_ALONE)
    yield from (f"no edge: {bare}" for bare in seen["bare"])
    if seen["chosen"]:
        yield "what is chosen is not marked"
    if set(seen["current"]) & set(seen["other"]):
        yield "the current step looks like the others"
    if set(seen["wrong"]) & {width for width in seen["right"] if width < 2}:
        yield "a wrong field looks like a right one"


# ── Paper ──────────────────────────────────────────────────────────────────────────────────────────────────────────

ON_PAPER = {front for front, ground in TEXTS if ground == "surface"}
"""The colours that can be read without a background: paper is as white as a surface."""

PRESSED = """() => [...document.querySelectorAll('button, input[type=submit], .actions, .skip')]
  .filter((element) => element.checkVisibility()).map((element) => element.outerHTML.slice(0, 120))"""


def on_paper_everything_can_be_read_without_backgrounds_and_nothing_pressed(stage: Stage) -> Iterator[str]:
    view(stage.page, size=A4, theme="dark", media="print")
    texts = texts_on(stage.page, themes()["light"])
    yield from (f"{text}" for text in texts if not {front for front, _ in text.pairs} & ON_PAPER)
    yield from (f"to be pressed: {found}" for found in stage.page.evaluate(PRESSED))
    seen: dict[str, Any] = stage.page.evaluate(EDGES_ALONE)
    if set(seen["current"]) & set(seen["other"]):
        yield "the current step looks like the others"
    view(stage.page)


# ── What the script shows ──────────────────────────────────────────────────────────────────────────────────────────

# Every element that is elsewhere, or of another size, before the script shows its buttons.
MOVED = """() => {
  const buttons = [...document.querySelectorAll('[data-copy], [data-show]')];
  const all = [...document.querySelectorAll('body *')].filter((element) => !buttons.some((button) => button.contains(element)));
  const places = () => all.map((element) => JSON.stringify(element.getBoundingClientRect()));
  const after = places();
  buttons.forEach((button) => (button.hidden = true));
  const before = places();
  buttons.forEach((button) => (button.hidden = false));
  return all.filter((_, at) => after[at] !== before[at]).map((element) => element.outerHTML.slice(0, 120));
}"""


def nothing_makes_room_for_the_buttons_of_the_script(stage: Stage) -> Iterator[str]:
    for width in (1280, 360):
        view(stage.page, size=(width, 800))
        yield from (f"{width} px: {moved}" for moved in stage.page.evaluate(MOVED))


LOOKS: tuple[Look, ...] = (
    what_was_sent_is_valid_and_light,
    every_text_and_edge_stands_on_a_ground_of_the_tables,
    axe_finds_nothing_wide_and_light,
    at_400_percent_zoom_nothing_is_lost_and_nothing_scrolls_sideways,
)

LOOKS_BEFORE_A_RELEASE: tuple[Look, ...] = (
    tab_comes_to_every_control_and_each_can_be_seen_to_have_the_focus,
    wider_text_fits,
    nothing_moves_for_people_who_want_no_motion,
    without_colours_of_ours_everything_still_has_its_edge,
    on_paper_everything_can_be_read_without_backgrounds_and_nothing_pressed,
    nothing_makes_room_for_the_buttons_of_the_script,
    axe_finds_nothing_in_any_theme_and_width,
    so_it_does_on_a_wide_screen,
)
"""Those that take long, or that seldom find on one page what they did not find on another of the same components."""


def found_by(looks: tuple[Look, ...], stage: Stage) -> list[str]:
    """All that these looks find, each finding after the sentence that does not hold."""
    return [f"{look.__name__.replace('_', ' ')}: {found}" for look in looks for found in look(stage)]
