"""What a run of a sync would do, by names: the sentence, a row for each name, and what stands in the way."""

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from app.connectors import APPS, Destination
from app.infisical.sync_models import SecretName, SyncSettings
from app.web.fields import expiry_of
from app.web.plan import Finding, Mend, Other, Plan, culprits, plan_of, result_names
from tests.every import holds_for_every

SUPABASE = APPS[0]
assert SUPABASE.syncs is not None
RULES = SUPABASE.syncs
REF = "qwertyuiopasdfghjklz"
TODAY = date(2027, 2, 12)
SPARED = ("SUPABASE_ANON_KEY", "SUPABASE_DB_URL", "SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_URL")


def settings_of(**other: Any) -> SyncSettings:
    settings = {
        "name": "edge-to-shop",
        "environment": "prod",
        "path": "/edge",
        "connection_id": "c",
        "ref": REF,
    }
    return SyncSettings(**{**settings, "project_name": "shop", **other})


def names_of(names: str | Sequence[str | tuple[str, str]]) -> tuple[SecretName, ...]:
    """Names in a text with spaces, or in a list, an imported one with where it comes from."""
    each = names.split() if isinstance(names, str) else names
    return tuple(SecretName(one) if isinstance(one, str) else SecretName(*one) for one in each)


def plan(
    names: str | Sequence[str | tuple[str, str]] = "A B C",
    there: str | Sequence[str] | None = None,
    *,
    schema: str = "",
    deletes: bool = False,
    others: Sequence[Other] = (),
    expires: date | None = None,
    known: bool = True,
    no_doubles: bool = False,
    paused: bool = False,
    **other: Any,
) -> Plan:
    """The plan of a sync of /edge to shop. `there` is what Supabase holds, None where nobody looked."""
    held = there.split() if isinstance(there, str) else there
    return plan_of(
        RULES,
        "Supabase",
        settings_of(key_schema=schema, deletes=deletes, **other),
        names=names_of(names),
        seen=None if held is None else Destination(REF, "shop", tuple(held), paused=paused),
        others=others,
        expires=expiry_of(expires, today=TODAY) if expires else None,
        known_project=known,
        no_doubles=no_doubles,
    )


def found(plan: Plan, key: str) -> Finding:
    (finding,) = [finding for finding in plan.findings if finding.key == key]
    return finding


def keys(plan: Plan) -> list[tuple[str, str]]:
    return [(finding.key, finding.kind) for finding in plan.findings]


def rows(plan: Plan) -> list[tuple[str, str, str, str]]:
    return [tuple(row) for row in plan.rows]  # type: ignore[misc]


def numbered(count: int, prefix: str = "N") -> list[str]:
    return [f"{prefix}{number:04}" for number in range(count)]


def test_the_sentence_says_what_is_written_overwritten_removed_and_refused() -> None:
    ten = " ".join(numbered(10))
    hundred = numbered(148)
    long = "L" * 257
    cases = [
        (plan(f"{ten} X Y", f"X Y G1 G2 G3 {' '.join(SPARED)}", deletes=True), "Writes 12 names, overwrites 2 of them, removes 3."),
        (plan(f"{ten} X Y"), "Writes 12 names."),
        (plan(f"{ten} X Y", "OTHER"), "Writes 12 names."),
        (plan("X", ""), "Writes 1 name."),
        (plan("X Y", "X Y Z"), "Writes 2 names, overwrites 2 of them."),
        (plan("X", "X Z", deletes=True), "Writes 1 name and overwrites it, removes 1."),
        (plan("X Y", "X"), "Writes 2 names, overwrites 1 of them."),
        (plan(""), "Writes nothing."),
        (plan(f"{ten} SUPABASE_JWKS SUPABASE_URL", "J1 J2", deletes=True), "Would write 10 names. Supabase refuses 2, and with them all."),
        (plan("SUPABASE_URL X"), "Would write 1 name. Supabase refuses 1, and with it all."),
        (plan("SUPABASE_URL"), "Would write nothing. Supabase refuses 1."),
        (plan(["X", long]), "Would write 1 name. Supabase refuses 1, and with it all."),
        (plan([*hundred, "SUPABASE_A", "SUPABASE_B"]), "Would write 148 names. Supabase refuses 2, and with each its whole batch of 100."),
        (plan("", " ".join(numbered(14)), deletes=True), "Would write nothing and remove 14 names."),
        (plan("", "X", deletes=True), "Would write nothing and remove 1 name."),
        (plan(numbered(101), "N0001"), "Would write 101 names, overwrite 1 of them."),
    ]  # fmt: skip

    def says(case: tuple[Plan, str]) -> None:
        assert case[0].sentence == case[1]

    holds_for_every(cases, says)


def test_every_name_has_a_row_with_its_effect_in_the_order_of_the_table() -> None:
    there = ["SHOP_B", "SHOP_OLD", "CRON", *SPARED]
    looked = plan(["A", "B", ("FLAGS", "/shared")], there, schema="SHOP_{{secretKey}}", deletes=True)
    own = [(name, "", "keep", "Supabase’s own") for name in SPARED]
    assert rows(looked) == [
        ("SHOP_OLD", "", "remove", ""),
        ("SHOP_B", "B", "overwrite", ""),
        ("SHOP_A", "A", "create", ""),
        ("SHOP_FLAGS", "FLAGS", "create", "imported from /shared"),
        ("CRON", "", "keep", "does not begin with SHOP_"),
        *own,
    ]
    assert (looked.looked, looked.removal) == (True, "1")
    assert looked.counts == {"refused": 0, "remove": 1, "overwrite": 1, "create": 2, "write": 0, "keep": 5}

    kept = plan("A", "A OLD SUPABASE_JWKS")
    assert rows(kept)[1:] == [
        ("OLD", "", "keep", "removing is off"),
        ("SUPABASE_JWKS", "", "keep", "Supabase’s own"),
    ]
    unseen = plan(["A", ("B", "prod /shared"), "SUPABASE_X"], deletes=True)
    assert rows(unseen) == [
        ("SUPABASE_X", "SUPABASE_X", "refused", ""),
        ("A", "A", "write", ""),
        ("B", "B", "write", "imported from prod /shared"),
    ]
    assert not unseen.looked


def test_what_a_key_schema_makes_of_a_name_and_takes_for_its_own() -> None:
    class Case(NamedTuple):
        schema: str
        name: str
        kept: dict[str, str]

    cases = [
        Case("", "A", {}),
        Case("{{secretKey}}", "A", {}),
        Case("SHOP_{{secretKey}}", "SHOP_A", {"SHO_X": "does not begin with SHOP_", "shop_X": "does not begin with SHOP_"}),
        Case("{{secretKey}}_LIVE", "A_LIVE", {"X_LIVE_": "does not end with _LIVE"}),
        Case("S_{{secretKey}}_L", "S_A_L", {"X_L": "does not begin with S_", "S_X": "does not end with _L"}),
        # Prefix and suffix overlap in it: nothing is left for the name.
        Case("S_{{secretKey}}_L", "S_A_L", {"S_L": "does not fit S_{{secretKey}}_L"}),
        Case("S/{{secretKey}}", "S/A", {"S/X/Y": "does not fit S/{{secretKey}}"}),
        Case("{{environment}}_{{secretKey}}", "prod_A", {"dev_X": "does not begin with prod_"}),
        Case("A{{secretKey}}B{{secretKey}}C", "AABAC", {"ABD": "does not end with C"}),
        Case("{{secretKey}}{{environment}}{{environment}}", "Aprodprod", {"Xprod": "does not end with prodprod"}),
    ]  # fmt: skip

    def takes(case: Case) -> None:
        assert result_names(settings_of(key_schema=case.schema), ["A"]) == {"A": case.name}
        there = {"A": "", **case.kept}
        mine = plan("A", [case.name, *case.kept], schema=case.schema, deletes=True)
        assert {row.name: row.note for row in mine.rows if row.effect == "keep"} == case.kept, there
        assert mine.counts["overwrite"] == 1

    holds_for_every(cases, takes)


def test_a_name_is_refused_by_its_beginning_its_length_and_what_it_collides_with() -> None:
    reserved = plan("SUPABASE_URL A SUPABASE_JWKS supabase_x", "J", deletes=True)
    finding = found(reserved, "reserved-name")
    assert (finding.kind, finding.names) == ("error", ("SUPABASE_JWKS", "SUPABASE_URL"))
    assert finding.title == "Supabase refuses SUPABASE_JWKS and SUPABASE_URL"
    ours = "Names that begin with `SUPABASE_` are Supabase’s own."
    assert finding.text == f"{ours} One of them fails the other 2 too, so nothing arrives."
    assert finding.mends == (
        Mend("Put SHOP_ in front of all names", {"key_schema": "SHOP_{{secretKey}}"}),
        Mend("Choose another prefix", {}, "#key_schema"),
    )
    assert reserved.would
    # The mend mends.
    assert not plan("SUPABASE_URL A", schema=finding.mends[0].values["key_schema"]).would

    by_schema = found(plan("URL A", schema="SUPABASE_{{secretKey}}"), "reserved-name")
    assert (by_schema.names, by_schema.text) == (("SUPABASE_A", "SUPABASE_URL"), ours)
    assert by_schema.mends[0].values == {"key_schema": "SHOP_SUPABASE_{{secretKey}}"}
    many = found(plan([*numbered(100), "SUPABASE_A"]), "reserved-name")
    assert (
        many.text == f"{ours} One of them fails its whole batch of 100; what was sent before it is written."
    )

    assert not plan(["L" * 256]).would
    long = found(plan(["L" * 252, "A"], schema="SHOP_{{secretKey}}"), "name-too-long")
    assert (long.kind, len(long.names)) == ("error", 1)
    assert (
        long.text
        == "A name has at most 256 characters in Supabase. It fails the other too, so nothing arrives."
    )

    # Supabase tells names apart by case.
    assert not plan("a A").would
    twins = plan([*names_of("A&B A"), *names_of("A")], schema="S_{{secretKey}}")
    collision = found(twins, "key-collision")
    assert (collision.kind, collision.names) == ("error", ("S_A",))
    assert collision.title == "Several names become S_A"
    assert (twins.counts["refused"], twins.sentence) == (2, "Would write 1 name.")


def test_a_key_schema_that_infisical_does_not_take_is_an_error_and_nothing_is_computed() -> None:
    class Case(NamedTuple):
        schema: str
        better: str = "SHOP_{{secretKey}}"

    cases = [
        Case("SHOP_", "SHOP_{{secretKey}}"),
        Case("MY/", "MY/{{secretKey}}"),
        Case("{{environment}}_", "{{environment}}_{{secretKey}}"),
        Case("P {{secretKey}}"),
        Case("{{ secretKey }}"),
        Case("{{secretKey}}{{name}}"),
        Case("Ä{{secretKey}}"),
        Case("{{secretKey}}\n"),
    ]

    def is_refused(case: Case) -> None:
        bad = plan("A SUPABASE_URL", "A X", schema=case.schema, deletes=True)
        assert keys(bad) == [("bad-key-schema", "error")]
        assert bad.findings[0].title == f"Infisical does not take {case.schema.strip()}"
        assert "needs `{{secretKey}}`, which" in bad.findings[0].text
        offered = Mend(f"Use {case.better}", {"key_schema": case.better})
        assert bad.findings[0].mends[0] == offered
        assert bad.rows == ()
        assert (bad.would, bad.sentence, bad.removal) == (True, "", "")

    holds_for_every(cases, is_refused)


def test_more_than_supabase_keeps_is_told_before_anything_is_sent() -> None:
    class Case(NamedTuple):
        written: int
        there: int | None
        kind: str = ""
        title: str = ""
        text: str = ""

    keeps = "secrets, and Supabase keeps 100 in a project"
    folder = "The folder `/edge` and what it imports hold 101."
    near = "Nothing was compared. If shop has more than {} others, the run fails."
    cases = [
        Case(80, None),
        Case(81, None, "warning", "81 of the 100 secrets that Supabase keeps in a project", near.format(19)),
        Case(100, None, "warning", "100 of the 100 secrets that Supabase keeps in a project", near.format(0)),
        Case(101, None, "error", f"101 {keeps}", folder),
        Case(101, 0, "error", f"101 {keeps}", folder),
        Case(90, 10),
        Case(90, 11, "error", f"101 {keeps}", "90 from the folder `/edge`, and 11 that shop has already."),
    ]

    def is_told(case: Case) -> None:
        # The four of Supabase's own are not counted, and one of the others is written again.
        there = None if case.there is None else ["N0000", *SPARED, *numbered(case.there, "T")]
        counted = plan(numbered(case.written), there)
        told = [(one.kind, one.title, one.text) for one in counted.findings if one.key == "too-many"]
        assert told == ([case[2:]] if case.kind else [])

    holds_for_every(cases, is_told)
    removing = plan(numbered(90), numbered(11, "T"), deletes=True)
    assert found(removing, "too-many").text.endswith(" What goes is removed only once all is written.")
    assert removing.removal == ""


def test_removing_with_an_empty_folder_cannot_be_ticked_away() -> None:
    empty = plan("", numbered(14), deletes=True, path="/edge/new")
    assert keys(empty) == [("empties-destination", "error")]
    (finding,) = empty.of("error")
    assert finding.title == "The folder /edge/new is empty, and removing is on"
    assert finding.text == "The next run would remove all 14 names from shop."
    assert finding.mends == (
        Mend("Do not remove anything", {"delete_others": "0"}),
        Mend("Choose another folder", {}, "#secret_path"),
    )
    with_prefix = plan("", ["S_A", "S_B", "C"], deletes=True, schema="S_{{secretKey}}")
    assert with_prefix.of("error")[0].text == "The next run would remove all 2 names with `S_` from shop."
    assert plan("", deletes=True).of("error")[0].text == "The next run would remove every name from shop."
    assert plan("", "", deletes=True).would

    harmless = plan("")
    assert ("nothing-to-write", "note") in keys(harmless)
    assert not harmless.would
    assert found(harmless, "nothing-to-write").title == "The folder /edge is empty"


def test_removing_is_confirmed_by_the_number_of_names_or_by_all() -> None:
    three = plan("A", f"A X Y Z {' '.join(SPARED)}", deletes=True)
    finding = found(three, "removes")
    assert (finding.kind, finding.names, three.removal) == ("removal", ("X", "Y", "Z"), "3")
    assert finding.title == "Remove 3 names from Supabase"
    assert finding.text == "Not in `/edge`, so no run brings them back:"
    assert found(plan("A", "X", deletes=True), "removes").text == "Not in `/edge`, so no run brings it back:"
    assert plan("A", " ".join(("A", *SPARED)), deletes=True).removal == ""
    assert plan("A", "X Y").removal == ""

    unseen = plan("A", deletes=True, schema="S_{{secretKey}}_L")
    finding = found(unseen, "removes")
    assert (finding.kind, unseen.removal) == ("removal", "all")
    assert finding.title == "Remove from Supabase whatever is not in /edge"
    assert finding.text == (
        "Nothing was compared, so what goes is not known: every secret with `S_…_L` in shop that this sync does not write, "
        "made by hand or by another sync."
    )

    own = plan("A", "A SUPABASE_JWKS SUPABASE_URL", deletes=True)
    finding = found(own, "supabase-own")
    assert (finding.kind, finding.names, own.removal) == ("warning", ("SUPABASE_JWKS",), "1")
    assert finding.title == "Infisical tries to remove SUPABASE_JWKS too"
    assert finding.text.endswith("If it does not let it go, the run fails.")
    assert not plan("A", "A SUPABASE_JWKS").of("warning")


JOBS = Other("shop-jobs", names=("JOBS_TOKEN", "QUEUE_URL", "QUEUE_USER", "WORKER_KEY"), href="/syncs/jobs")


def test_a_sync_that_removes_what_another_writes_is_named_with_the_names() -> None:
    class Case(NamedTuple):
        plan: Plan
        kind: str
        title: str
        names: str = ""

    unread = Other("shop-jobs", key_schema="SHOP_{{secretKey}}")
    jealous = Other("shop-jobs", deletes=True, names=("A", "Z"))
    prefixed = Other("shop-jobs", deletes=True, key_schema="S_{{secretKey}}", names=("Z",))
    all_four = "JOBS_TOKEN QUEUE_URL QUEUE_USER WORKER_KEY"
    cases = [
        Case(plan("A", all_four, deletes=True, others=[JOBS]), "error", "shop-jobs would lose 4 names", all_four),
        Case(plan("A", deletes=True, others=[JOBS]), "error", "shop-jobs would lose 4 names", all_four),
        Case(plan("QUEUE_URL A", deletes=True, others=[JOBS], schema="QUEUE_{{secretKey}}"), "error", "shop-jobs would lose 2 names", "QUEUE_URL QUEUE_USER"),
        Case(plan("A", deletes=True, others=[unread]), "error", "shop-jobs could lose names"),
        Case(plan("A", deletes=True, others=[unread], schema="SHOP_A_{{secretKey}}"), "error", "shop-jobs could lose names"),
        Case(plan("A B", others=[jealous]), "warning", "shop-jobs would remove 1 name of this sync", "B"),
        Case(plan("S_A S_Z B", others=[prefixed]), "warning", "shop-jobs would remove 1 name of this sync", "S_A"),
        Case(plan("A B", others=[Other("shop-jobs", deletes=True)]), "warning", "shop-jobs could remove 2 names of this sync", "A B"),
        Case(plan("A", deletes=True, others=[Other("")]), "error", "A sync in another project could lose names"),
        Case(plan("A", others=[Other("")]), "warning", "A sync in another project writes to shop too"),
    ]  # fmt: skip

    def is_named(case: Case) -> None:
        finding = found(case.plan, "fights")
        assert (finding.kind, finding.title) == (case.kind, case.title)
        assert " ".join(finding.names) == case.names
        assert "same-destination" not in dict(keys(case.plan))

    holds_for_every(cases, is_named)

    seen = plan("A", all_four, deletes=True, others=[JOBS])
    finding = found(seen, "fights")
    assert finding.text == (
        "The sync shop-jobs writes `JOBS_TOKEN`, `QUEUE_URL` and 2 more to the same Supabase project. This one would remove "
        "them, again after every run of the other."
    )
    assert finding.mends == (
        Mend("Do not remove anything", {"delete_others": "0"}),
        Mend("Open shop-jobs", {}, "/syncs/jobs"),
    )
    assert {row.note for row in seen.rows if row.effect == "remove"} == {"written by shop-jobs"}
    # Both do it to each other, and with removing on the harm from there is an error too.
    both = plan("A B", deletes=True, others=[jealous])
    assert [(one.kind, one.names) for one in both.findings if one.key == "fights"] == [
        ("error", ("Z",)),
        ("error", ("B",)),
    ]
    assert both.removal == ""


def test_another_sync_to_the_same_project_that_takes_nothing_away_is_said_quietly() -> None:
    class Case(NamedTuple):
        plan: Plan
        kind: str
        title: str

    apart = Other("shop-jobs", key_schema="JOBS_{{secretKey}}")
    suffixed = Other("shop-jobs", key_schema="{{secretKey}}_JOBS")
    once = "Another sync writes to shop already"
    cases = [
        Case(plan("A", others=[JOBS]), "note", "shop-jobs writes to shop too"),
        Case(plan("A", schema="S_{{secretKey}}", deletes=True, others=[JOBS]), "note", "shop-jobs writes to shop too"),
        Case(plan("A", schema="S_{{secretKey}}", deletes=True, others=[apart]), "note", "shop-jobs writes to shop too"),
        Case(plan("A", schema="{{secretKey}}_S", deletes=True, others=[suffixed]), "note", "shop-jobs writes to shop too"),
        Case(plan("A", others=[Other("shop-jobs")]), "note", "shop-jobs writes to shop too"),
        Case(plan("A QUEUE_URL", others=[JOBS]), "warning", "shop-jobs writes 1 name of these too"),
        Case(plan("A", no_doubles=True, others=[JOBS]), "error", once),
        Case(plan("A", no_doubles=True), "error", once),
    ]  # fmt: skip

    def is_said(case: Case) -> None:
        finding = found(case.plan, "same-destination")
        assert (finding.kind, finding.title) == (case.kind, case.title)
        assert "fights" not in dict(keys(case.plan))

    holds_for_every(cases, is_said)
    assert found(plan("A", others=[JOBS]), "same-destination").mends == (
        Mend("Open shop-jobs", {}, JOBS.href),
    )
    assert found(plan("A", others=[apart]), "same-destination").mends == ()
    shared = plan([("QUEUE_URL", "/shared")], "QUEUE_URL WORKER_KEY", others=[JOBS])
    assert rows(shared) == [
        ("QUEUE_URL", "QUEUE_URL", "overwrite", "imported from /shared, shop-jobs writes it too"),
        ("WORKER_KEY", "", "keep", "removing is off"),
    ]


def test_prefix_token_and_project_are_remarked_on() -> None:
    quiet, loud = plan("A"), plan("A", "A", deletes=True, schema="{{secretKey}}")
    assert (keys(quiet), keys(loud)) == ([("no-key-schema", "note")], [("no-key-schema", "warning")])
    assert quiet.findings[0].mends == (
        Mend("Put SHOP_ in front of all names", {"key_schema": "SHOP_{{secretKey}}"}),
    )
    prefixed: dict[str, Any] = {"names": "A", "schema": "S_{{secretKey}}"}
    assert plan(**prefixed).findings == ()

    ends = plan(**prefixed, expires=date(2027, 2, 21)).findings
    assert [(one.key, one.kind, f"{one.title} {one.text}") for one in ends] == [
        ("token-lapses", "warning", "The token expires in 9 days, on 21 February 2027. The sync stops then.")
    ]
    (past,) = plan(**prefixed, expires=date(2027, 2, 11)).of("warning")
    assert (past.title, past.text) == (
        "The token expired yesterday, on 11 February 2027.",
        "The sync fails until the token is replaced.",
    )
    assert plan(**prefixed, expires=date(2027, 2, 27)).findings == ()

    (typed,) = plan(**prefixed, known=False).of("warning")
    assert (typed.key, typed.title) == ("unknown-project", f"Nobody has seen the project {REF}")
    assert plan(**prefixed, there="", known=False).findings == ()
    (paused,) = plan(**prefixed, there="", paused=True).of("note")
    assert (paused.key, paused.title) == ("project-paused", "shop is paused")


def test_a_prefix_is_offered_that_the_app_takes() -> None:
    cases = [
        ("shop", "SHOP_"),
        ("Café Müller 2", "CAFE_MULLER_2_"),
        ("supabase", "APP_SUPABASE_"),
        ("2nd shop", "APP_2ND_SHOP_"),
        ("日本", "APP_"),
        ("", f"{REF.upper()}_"),
    ]

    def is_offered(case: tuple[str, str]) -> None:
        offered = found(plan("SUPABASE_URL", project_name=case[0]), "reserved-name").mends[0]
        assert offered.label == f"Put {case[1]} in front of all names"
        assert not plan("SUPABASE_URL", schema=offered.values["key_schema"]).would

    holds_for_every(cases, is_offered)


def test_the_culprit_of_a_failed_run_is_computed_from_the_names() -> None:
    thirteen = names_of(f"SUPABASE_URL {' '.join(numbered(12))}")
    culprit = culprits(RULES, "Supabase", settings_of(deletes=True), thirteen)
    assert culprit
    assert (culprit.key, culprit.title) == ("reserved-name", "Supabase refuses SUPABASE_URL")
    assert culprit.text.endswith(" It fails the other 12 too, so nothing arrives.")
    too_many = culprits(RULES, "Supabase", settings_of(), names_of(numbered(101)))
    assert too_many
    assert too_many.key == "too-many"
    # Of what is only possible nobody is accused.
    assert culprits(RULES, "Supabase", settings_of(deletes=True), names_of(numbered(90))) is None
    assert culprits(RULES, "Supabase", settings_of(), ()) is None


def test_findings_stand_by_their_gravity() -> None:
    many = plan("A", "X SUPABASE_JWKS", deletes=True, paused=True, others=[Other("far", key_schema="F{{secretKey}}", names=())])  # fmt: skip
    assert keys(many) == [
        ("removes", "removal"),
        ("supabase-own", "warning"),
        ("no-key-schema", "warning"),
        ("same-destination", "note"),
        ("project-paused", "note"),
    ]
    assert (many.of("error"), len(many.of("warning")), len(many.of("note")), many.would) == ((), 2, 2, False)
    # What cannot happen is neither to be confirmed nor advised on.
    stopped = plan("A SUPABASE_URL", "X SUPABASE_JWKS", deletes=True)
    assert keys(stopped) == [("reserved-name", "error"), ("supabase-own", "warning")]


def test_a_digest_stands_for_names_and_effects_and_for_nothing_else() -> None:
    first = plan("A B", "B X")
    assert first.digest == plan("B A", "X B", expires=TODAY, known=False, description="other").digest
    assert (
        first.digest == plan([("A", "/shared"), "B"], "B X", others=[JOBS, Other("b", names=("A",))]).digest
    )
    others = [
        plan("A", "B X"),
        plan("A B", "A B X"),
        plan("A B"),
        plan("A B", "B X", deletes=True),
        plan("A B", "B X", schema="S_{{secretKey}}"),
        plan("A B", "B Y"),
    ]
    assert len({one.digest for one in (first, *others)}) == len(others) + 1


def test_twice_the_names_cost_twice_as_much() -> None:
    """Counted in calls, for a clock would measure the machine."""

    def calls(count: int) -> int:
        names, there = numbered(count), numbered(count, "M")
        other, counts = Other("shop-jobs", names=tuple(there), deletes=True), Counter[str]()
        sys.setprofile(lambda _, event, __: counts.update([event]))
        try:
            plan(names, there, deletes=True, others=[other])
        finally:
            sys.setprofile(None)
        return counts["call"] + counts["c_call"]

    assert calls(2000) < 2.2 * calls(1000)
