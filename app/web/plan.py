"""What a run of a secret sync would do, by names: computed from what is known, before anything is sent."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, NamedTuple, get_args

from ..connectors import Destination
from ..connectors.rows import SyncRules
from ..core.text import counted, listed, toml_beside
from ..infisical.sync_models import SecretName, SyncSettings
from .fields import Expiry, slug_of

Effect = Literal["refused", "remove", "overwrite", "create", "write", "keep"]
EFFECTS: tuple[Effect, ...] = get_args(Effect)
Kind = Literal["error", "removal", "warning", "note"]

PLACEHOLDER = "{{secretKey}}"
KEY_SCHEMA = re.compile(r"(?=.*\{\{secretKey\}\})(?:[A-Za-z0-9_/-]|\{\{(?:secretKey|environment)\}\})+")
"""What Infisical takes (recorded exchange "create sync, keySchema without placeholder"); several placeholders too."""

NEAR = 0.8
"""Of what an app keeps: from there on the names of the others, where nobody has looked, may be too many."""

_WORDS = toml_beside(__file__, "plan.toml")


class Row(NamedTuple):
    """What happens to one name of the app's. `source` is the name in Infisical, "" for one that is not in the folder."""

    name: str
    source: str
    effect: Effect
    note: str = ""


class Mend(NamedTuple):
    """One way out of a finding: `values` of the form's fields, or where `href` leads, "#…" to a field of the form. With
    neither it leads to where the thing is mended, which the page knows."""

    label: str
    values: Mapping[str, str] = {}
    href: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What stands in the way of a run, is to be confirmed, or is to be known before it. `names` are all that it is about;
    `text` has code between backticks."""

    key: str
    kind: Kind
    title: str
    text: str
    names: tuple[str, ...] = ()
    mends: tuple[Mend, ...] = ()


@dataclass(frozen=True, slots=True)
class Other:
    """Another sync to the same project of the app. `names` are as in Infisical, None where they cannot be read; `name` is
    "" for one that may not be seen. One that is `native` is a native integration, which removes whatever it does not know."""

    name: str
    deletes: bool = False
    key_schema: str = ""
    environment: str = ""
    names: tuple[str, ...] | None = None
    href: str = ""
    native: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do: a row for each name, by effect and name, and the findings. `looked` says whether the app was
    asked what it holds."""

    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    looked: bool
    sentence: str = ""

    @property
    def counts(self) -> dict[Effect, int]:
        effects = [row.effect for row in self.rows]
        return {effect: effects.count(effect) for effect in EFFECTS}

    @property
    def would(self) -> bool:
        """Whether something stands in the way, so that nothing can be sent."""
        return bool(self.of("error"))

    @property
    def removal(self) -> str:
        """What has to be confirmed: the number of names that go, "all" where it is not known; "" for none."""
        return next((str(len(one.names)) if self.looked else "all" for one in self.of("removal")), "")

    @property
    def digest(self) -> str:
        """SHA-256 of names and effects, to be held against a later plan."""
        return sha256(json.dumps([row[:3] for row in self.rows]).encode()).hexdigest()

    def of(self, kind: Kind) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.kind == kind)


def plan_of(
    rules: SyncRules,
    app_name: str,
    settings: SyncSettings,
    *,
    names: Sequence[SecretName],
    seen: Destination | None,
    others: Sequence[Other],
    expires: Expiry | None,
    known_project: bool,
    no_doubles: bool = False,
) -> Plan:
    """What a run with these settings would do with the names of the folder. `seen` is what the app holds, None where it
    was not asked; `others` write to the same project, of which the organization allows none with `no_doubles`;
    `expires` is the token's last day; `known_project` says whether somebody has seen the project at the app."""
    run = _Run(rules, app_name, settings, names, seen, others)
    if settings.key_schema and not KEY_SCHEMA.fullmatch(settings.key_schema):
        meant = (f"{settings.key_schema}{PLACEHOLDER}", f"{run.prefix}{PLACEHOLDER}")
        bad = run.say("bad-key-schema", better=next(filter(KEY_SCHEMA.fullmatch, meant)))
        return Plan((), (bad,), seen is not None)
    findings = [*run.refusals(), *run.removals(), *run.neighbours(no_doubles=no_doubles)]
    findings += run.remarks(expires, known_project=known_project)
    would = any(finding.kind == "error" for finding in findings)
    if would:
        # What cannot happen is neither to be confirmed nor advised on.
        findings = [one for one in findings if one.kind != "removal" and one.key != "no-key-schema"]
    findings.sort(key=lambda finding: get_args(Kind).index(finding.kind))
    rows = run.rows()
    return Plan(rows, tuple(findings), seen is not None, run.sentence(rows, would=would))


def culprits(
    rules: SyncRules, app_name: str, settings: SyncSettings, names: Sequence[SecretName]
) -> Finding | None:
    """Why the app refuses what a run sends, by the names alone; None where they do not tell."""
    refusals = _Run(rules, app_name, settings, names).refusals()
    return next((finding for finding in refusals if finding.kind == "error"), None)


def result_names(settings: SyncSettings | Other, names: Iterable[str]) -> dict[str, str]:
    """Each name of Infisical's with what a sync makes of it in the app."""
    if not settings.key_schema:
        return {name: name for name in names}
    schema = settings.key_schema.replace("{{environment}}", settings.environment)
    return {name: schema.replace(PLACEHOLDER, name) for name in names}


class _Pattern(NamedTuple):
    """What stands before and after a name, by which Infisical knows what a sync wrote (its source): of several placeholders
    the first and the last count, and where it has a slash the name has none."""

    before: str
    after: str

    @classmethod
    def of(cls, settings: SyncSettings | Other) -> "_Pattern":
        parts = next(iter(result_names(settings, (PLACEHOLDER,)).values())).split(PLACEHOLDER)
        return cls(parts[0], parts[-1])

    def fits(self, name: str) -> bool:
        before, after = self
        if len(name) < len(before) + len(after) or not (name.startswith(before) and name.endswith(after)):
            return False
        return "/" not in before + after or "/" not in name[len(before) : len(name) - len(after)]

    def meets(self, other: "_Pattern") -> bool:
        """Whether one name can fit both."""
        short, long = sorted((self.before, other.before), key=len)
        end, longer = sorted((self.after, other.after), key=len)
        return long.startswith(short) and longer.endswith(end)


def _listed(names: Sequence[str], form: str = "{}") -> str:
    """Three names whole, of more the first two."""
    parts = [form.format(name) for name in (names if len(names) <= 3 else names[:2])]
    return listed([*parts, *[f"{len(names) - 2} more"] * (len(names) > 3)])


class _Run:
    """One run, of which all the parts of a plan are computed. `written` has each name in the app with what in Infisical
    becomes it, `left` what is there beside them, `gone` what of that the run removes."""

    def __init__(
        self,
        rules: SyncRules,
        app: str,
        settings: SyncSettings,
        names: Sequence[SecretName],
        seen: Destination | None = None,
        others: Sequence[Other] = (),
    ) -> None:
        self.rules, self.settings, self.seen = rules, settings, seen
        becomes = result_names(settings, (name for name, _ in names))
        self.written: dict[str, list[SecretName]] = {}
        for name in names:
            self.written.setdefault(becomes[name.name], []).append(name)
        self.there = frozenset(seen.names if seen else ())
        self.left = sorted(self.there - self.written.keys())
        self.pattern = _Pattern.of(settings)
        mine = [name for name in self.left if self.pattern.fits(name) and name not in rules.spared]
        self.gone = mine if settings.deletes else []
        self.reserved = sorted(name for name in self.written if name.startswith(rules.reserved))
        self.too_long = sorted(name for name in self.written if len(name) > rules.longest_name)
        self.collided = sorted(name for name, sources in self.written.items() if len(sources) > 1)
        self.others = [
            (other, None if other.names is None else frozenset(result_names(other, other.names).values()))
            for other in others
        ]
        project = (seen.name if seen else settings.project_name) or settings.ref
        stem = f"{slug_of(project) or 'app'}_".upper().replace("-", "_")
        self.prefix = f"APP_{stem}" if stem[0].isdigit() or stem.startswith(rules.reserved) else stem
        before, after = self.pattern
        self.words = {
            "app": app,
            "rules": rules,
            "settings": settings,
            "project": project,
            "which": f" with `{before}{after and '…'}{after}`" if before or after else "",
            "prefix": self.prefix,
            "prefixed": f"{self.prefix}{settings.key_schema or PLACEHOLDER}",
        }

    def say(self, key: str, kind: Kind | None = None, names: Sequence[str] = (), **more: object) -> Finding:
        """A finding in its words; `more` are those that it alone needs. A mend that leads nowhere here is left out."""
        row, them = _WORDS["findings"][key], "it" if len(names) == 1 else "them"
        about = {"listed": _listed(names), "coded": _listed(names, "`{}`"), "n": counted(len(names), "name")}
        words = {**self.words, **about, "them": them, **more}
        mends = []
        for mend in (_WORDS["mends"][name] for name in row.get("mends", ())):
            href = mend.get("href", "").format(**words)
            values = {field: text.format(**words) for field, text in mend.get("values", {}).items()}
            if href or "href" not in mend:
                mends.append(Mend(mend["label"].format(**words), values, href))
        title, text = (row[part].format(**words).strip() for part in ("title", "text"))
        return Finding(key.partition(":")[0], kind or row["kind"], title, text, tuple(names), tuple(mends))

    def rows(self) -> tuple[Row, ...]:
        words, gone, rows = _WORDS["notes"], set(self.gone), []
        by = {name: other.name for other, theirs in self.others for name in theirs or ()}
        refused = {*self.reserved, *self.too_long, *self.collided}
        for name, sources in self.written.items():
            effect: Effect = "overwrite" if name in self.there else "create" if self.seen else "write"
            effect = "refused" if name in refused else effect
            also = words["also"].format(by[name]) if name in by else ""
            for source, origin in sources:
                imported = words["imported"].format(origin) if origin else ""
                rows.append(Row(name, source, effect, ", ".join(filter(None, (imported, also)))))
        for name in self.left:
            note = words["written"].format(by[name]) if name in by else ""
            if name not in gone:
                note = words[self._why_kept(name)].format(*self.pattern, **self.words)
            rows.append(Row(name, "", "remove" if name in gone else "keep", note))
        return tuple(sorted(rows, key=lambda row: (EFFECTS.index(row.effect), row)))

    def _why_kept(self, name: str) -> str:
        if name.startswith(self.rules.reserved) or not self.settings.deletes:
            return "own" if name.startswith(self.rules.reserved) else "off"
        ends = "other" if name.endswith(self.pattern.after) else "end"
        return ends if name.startswith(self.pattern.before) else "begin"

    def sentence(self, rows: Sequence[Row], *, would: bool) -> str:
        """What the counts come to. A run whose names are refused does not come to removing any."""
        words, counts = _WORDS["would" if would else "does"], Counter(row.effect for row in rows)
        refused, again = len({*self.reserved, *self.too_long}), counts["overwrite"]
        many, gone = again + counts["create"] + counts["write"], 0 if refused else counts["remove"]
        said = [words["write"].format(counted(many, "name") if many else "nothing")]
        said += [words["over"][many == 1].format(again)] * bool(again)
        said += [words["remove" if many else "remove_only"].format(gone, counted(gone, "name"))] * bool(gone)
        if refused:
            said += (words[part].format(refused, **self.words) for part in ("refused", self._falls(many)))
        return f"{''.join(said)}."

    def _falls(self, many: int) -> str:
        """What falls with what is refused, by how `many` it concerns: all that goes out in one batch."""
        return ("none", "one", "all")[min(many, 2)] if len(self.written) <= self.rules.batch else "batches"

    def refusals(self) -> Iterator[Finding]:
        """What the app does not take, by the names alone and by how many there are."""
        written = len(self.written)
        for key, names in (("reserved-name", self.reserved), ("name-too-long", self.too_long)):
            rest = written - len(names)
            fails = _WORDS["fails"][self._falls(rest and len(names))].format(
                f" {rest}" if rest > 1 else "", **self.words
            )
            if names:
                yield self.say(key, names=names, fails=fails)
        if self.collided:
            sources = _listed([name for result in self.collided for name, _ in self.written[result]], "`{}`")
            yield self.say("key-collision", names=self.collided, sources=sources)
        # The app's own are not counted. All else is, for Infisical removes only after its last batch (its source).
        others = sum(not name.startswith(self.rules.reserved) for name in self.left)
        free, first = self.rules.most - written, _WORDS["first"] if self.gone else ""
        if others > free:
            key = "too-many:others" if others else "too-many"
            yield self.say(key, total=written + others, written=written, others=others, first=first)
        elif self.seen is None and written > NEAR * self.rules.most:
            yield self.say("too-many:near", written=written, free=free)

    def removals(self) -> Iterator[Finding]:
        """What goes, or that nothing happens at all."""
        if not self.written:
            empties = "empties-destination" if self.settings.deletes else "nothing-to-write"
            all_of_them = f"all {len(self.gone)} names" if len(self.gone) > 1 else "every name"
            yield self.say(empties, names=self.gone, all=all_of_them)
        if self.settings.deletes and self.seen is None:
            yield self.say("removes:all")
        if self.gone:
            yield self.say("removes", names=self.gone)
        if own := [name for name in self.gone if name.startswith(self.rules.reserved)]:
            yield self.say("supabase-own", names=own)

    def neighbours(self, *, no_doubles: bool) -> Iterator[Finding]:
        """What this sync and others do to each other."""
        if no_doubles:
            yield self.say("same-destination:forbidden")
        for other, theirs in self.others:
            fights = tuple(self._fights(other, theirs))
            yield from fights
            if not (fights or no_doubles):
                meets = theirs is None and self.pattern.meets(_Pattern.of(other))
                both = sorted((theirs or frozenset()) & self.written.keys())
                key = (
                    "same-destination:native"
                    if other.native
                    else "same-destination"
                    if both
                    else f"same-destination:{'unread' if meets else 'apart'}"
                )
                yield self.say(key, names=both, other=other)

    def _fights(self, other: Other, theirs: frozenset[str] | None) -> Iterator[Finding]:
        """What this one would remove of another's, and the other of this one's."""
        deletes, pattern = self.settings.deletes, _Pattern("", "") if other.native else _Pattern.of(other)
        if not other.name and other.native:
            yield self.say("fights:native-unread")
            return
        if not other.name:
            yield self.say("fights:unseen" if deletes else "fights:quiet")
            return
        lost = sorted(name for name in theirs or () if name not in self.written and self.pattern.fits(name))
        if deletes and (lost or (theirs is None and self.pattern.meets(pattern))):
            yield self.say("fights" if lost else "fights:unread", names=lost, other=other)
        hit = sorted(name for name in self.written if pattern.fits(name) and name not in (theirs or ()))
        if other.deletes and hit:
            kind: Kind = "error" if deletes or other.native else "warning"
            may, key = "could" if theirs is None else "would", "native" if other.native else "theirs"
            yield self.say(f"fights:{key}", kind, names=hit, other=other, may=may)

    def remarks(self, expires: Expiry | None, *, known_project: bool) -> Iterator[Finding]:
        """What is worth knowing of prefix, token and project."""
        if not any(self.pattern):
            yield self.say("no-key-schema", "warning" if self.settings.deletes else "note")
        if expires and expires.kind != "good":
            key = "token-lapses:lapsed" if expires.kind == "danger" else "token-lapses"
            day, ends = expires.day, f"{expires.words[0].lower()}{expires.words[1:]}"
            yield self.say(key, ends=ends, day=f"{day.day} {day:%B %Y}")
        if not (known_project or self.seen):
            yield self.say("unknown-project")
        if self.seen and self.seen.paused:
            yield self.say("project-paused")
