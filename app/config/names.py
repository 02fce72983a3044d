"""Which variables are ours, and which are nearly: a misspelt name never passes for a setting that is not set."""

import difflib
import re
from collections.abc import Iterator, Mapping

from .table import SETTINGS

_NAMES = tuple(setting.name for setting in SETTINGS)


def infisical_names(texts: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in texts if name.startswith("INFISICAL_")))


# Kubernetes sets these in every container, for a service that happens to be called "connect" or "infisical".
_OF_KUBERNETES = re.compile(r".+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?)")


def misspelt(texts: Mapping[str, str]) -> Iterator[str]:
    """A fault for every CONNECT_* that is no setting, and for every INFISICAL_* that is nearly one.

    Infisical's own tools read other INFISICAL_* names, so those that resemble nothing here are left alone.
    """
    for name, text in sorted(texts.items()):
        ours = name in _NAMES or _OF_KUBERNETES.fullmatch(name) or ("://" in text and name.endswith("_PORT"))
        if ours or not name.upper().startswith(("CONNECT_", "INFISICAL_")):
            continue
        meant = _meant(name.upper())
        if meant:
            yield f"{name} is not a setting; did you mean {meant}?"
        elif name.startswith("CONNECT_"):
            yield f"{name} is not a setting; the settings are {in_words(_NAMES)}."


def _meant(name: str) -> str | None:
    prefix, _, rest = name.partition("_")
    rests = {ours.removeprefix(f"{prefix}_"): ours for ours in _NAMES if ours.startswith(f"{prefix}_")}
    shortened = [ours for ours in rests if "_" in rest and ours.endswith(f"_{rest}")]
    near = shortened or difflib.get_close_matches(rest, rests, n=1, cutoff=0.74)
    return rests[near[0]] if near else None


def in_words(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
