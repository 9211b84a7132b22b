"""The arms of an A/B study, as a person names them: mappings, and configurations with a name."""

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segexp.compare.design import Mode
from segexp.core.config_keys import config_keys, no_such_key, resolve_key
from segexp.core.errors import InputError, collected, named, shown
from segexp.core.files import NAME_PATTERN, name_fault
from segexp.core.yaml import parse_yaml
from segexp.study.naming import Naming, folder_name

OF_ALL = ("data.", "tracking.", "storage", "training.seed")
"""What all arms share: the images and masks that they are scored on, the seeds, and the records."""

OF_AN_ARM = ("data.normalization",)
"""What may differ all the same."""


@dataclass(frozen=True)
class Arm:
    """One arm of an A/B study.

    Attributes:
        name: The mapping's, or that of the configuration.
        settings: The whole config keys that it fixes, its ``mapping`` among them unless that is the
            project's; a mapping fixes nothing else.
    """

    name: str
    settings: Dict[str, Any]

    @property
    def own(self) -> dict[str, Any]:
        """What it fixes beside its mapping."""
        return {key: value for key, value in self.settings.items() if key != "mapping"}


def parse_arms(texts: Sequence[str]) -> list[Arm]:
    """Read arms: ``NAME`` of a mapping, or ``NAME: {key: value}`` in YAML, a configuration.

    Raises:
        InputError: With every fault: text that is neither, bad or equal names, keys that do not
            exist or that all arms share.

    Example:
        >>> [arm.name for arm in parse_arms(["merged10", "slow: {learning_rate: 1e-4}"])]
        ['merged10', 'slow']
    """
    arms: list[Arm] = []
    faults: list[str] = []
    for text in texts:
        with collected(faults):
            arms.append(_parse(text))
    names = [arm.name for arm in arms]
    faults += [
        f"{name}: is named twice; the arms must be different, each with a name of its own"
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if faults:
        raise InputError(faults)
    return arms


def ab_naming(
    study: str | None, arms: Sequence[str], data: str | Path | None, matched: bool
) -> Naming:
    """Name an A/B study so that other arms, data or search spaces make another study.

    Args:
        study: Whose search space is used; None for ``default``.
        arms: Their names.
        data: The folder of another data set than the project's.
        matched: Whether nothing is searched.
    """
    of_study = [] if study is None or study == "default" else [Path(study).stem]
    return Naming(("ab", *of_study, *arms), folder_name(data), ("matched",) if matched else ())


def with_mappings(arms: Sequence[Arm], mapping: str) -> list[Arm]:
    """Give configurations that name no mapping that of the project."""
    return [replace(arm, settings={"mapping": mapping, **arm.settings}) for arm in arms]


def arms_definition(mode: Mode, named: Sequence[Arm]) -> dict[str, Any]:
    """Return the part of a definition that says which arms there are, and how they are compared."""
    return {
        "arms": ", ".join(arm.name for arm in named),
        "mode": mode,
        **{f"arms.{arm.name}": _in_words(arm) for arm in named if arm.own},
    }


def _in_words(arm: Arm) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(arm.settings.items()))


def _parse(text: str) -> Arm:
    if NAME_PATTERN.fullmatch(text):
        return Arm(text, {"mapping": text})
    expected = (
        "expected a mapping, such as cityscapes19, or a configuration with a name, such as "
        '"recipe: {augmentation: 0.5}"'
    )
    content = parse_yaml(text, f"arm {shown(text)}")
    if isinstance(content, str):
        return Arm(content, {"mapping": content})
    if not isinstance(content, dict) or len(content) != 1:
        raise InputError(f"arm {shown(text)}: {expected}")
    ((name, values),) = content.items()
    if not isinstance(name, str) or not isinstance(values, dict):
        raise InputError(f"arm {shown(text)}: {expected}")
    fault = name_fault("arm", name)
    faults = [fault] if fault else []
    settings: dict[str, Any] = {}
    for key, value in values.items():
        full = resolve_key(str(key))
        at = f"arm {name}: {named(str(key))}"
        if full is None:
            known = [k.rpartition(".")[2] for k in config_keys()]
            faults.append(f"{at}: {no_such_key(str(key), known)}")
        elif full.startswith(OF_ALL) and full not in OF_AN_ARM:
            faults.append(
                f"{at}: cannot differ between arms: all are trained and scored on the same images, "
                f"with the same seeds; set it for all of them with --set {full}=VALUE"
            )
        elif full in settings:
            faults.append(f"{at}: {full} is given twice")
        else:
            settings[full] = value
    if faults:
        raise InputError(faults)
    return Arm(name, settings)
