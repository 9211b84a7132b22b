"""Studies from Python: a search, and an A/B study, by what the commands run."""

import math
import time
from collections.abc import Callable
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from segexp.api.progress import Lines
from segexp.api.projects import overrides_of, project_of
from segexp.compare.answered import Wanted, find_answered
from segexp.compare.arms import ab_naming, arms_definition, parse_arms
from segexp.compare.asked_again import ask_again
from segexp.compare.design import TRIALS, Question, check_numbers, make_design, numbers_of
from segexp.compare.plan import plan_ab
from segexp.compare.run import run_ab
from segexp.compare.trainable import settings_elsewhere
from segexp.compare.version import PAGE_FILE
from segexp.core.disk import full_disk_explained
from segexp.core.errors import InputError
from segexp.study.best import BestTrial, find_best
from segexp.study.config import named_study, read_study
from segexp.study.engines import Engine, load_engine
from segexp.study.naming import study_naming
from segexp.study.plan import plan_study
from segexp.study.read_space import read_space
from segexp.study.run import run_study
from segexp.study.same_data import name_on_same_data, on_same_data
from segexp.study.stop import StopRule
from segexp.study.storage.open import has_storage, open_storage, read_storage


@dataclass(frozen=True)
class AbAnswer:
    """The answer of an A/B study.

    Attributes:
        result: The content of ``ab_result.json``; docs/method.md says what is in it.
        directory: The folder of that file and of the page.
    """

    result: Dict[str, Any]
    directory: Path

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the study found of each pair of arms, in words."""
        return tuple(pair["sentence"] for pair in self.result["pairs"])

    @property
    def page(self) -> Path:
        """The page with figures."""
        return self.directory / PAGE_FILE


def tune(
    study: str | Path | None = None,
    *,
    data: str | Path | None = None,
    mapping: str | None = None,
    trials: int | None = None,
    timeout: float = math.inf,
    stop_early: int | None = None,
    study_name: str | None = None,
    new_revision: bool = False,
    mixed: bool = False,
    workers: int | None = 0,
    settings: Dict[str, Any] | None = None,
    storage: str | None = None,
    project: str | Path | None = None,
    say: Callable[[str], object] = print,
) -> BestTrial:
    """Run a study as ``segexp tune`` does; called again, it runs the trials that remain.

    Args:
        study: A study in the project's ``studies/``, or a YAML file; by default ``default``.
        data: A folder of images and masks; by default the project's data.
        mapping: A mapping that is not searched then.
        trials: How many finished trials the study is to reach in total.
        timeout: Seconds after which no trial is begun.
        stop_early: Begin no trial once so many in a row were no better than the best.
        study_name: By default the file's, with data and mapping.
        new_revision: Continue a study whose definition has changed as another one.
        mixed: Join a study that was begun in another precision than this machine's.
        workers: 0 runs trials in this process; a number or None (as many as suit) in processes of
            their own: then the caller's script needs ``if __name__ == "__main__":``.
        settings: Keys of `config.yaml` or of the study, or their last parts, with other values.
        storage: An Optuna storage URL; by default the project's.
        project: A directory in the project; by default the current one.
        say: Called with each line of progress.

    Returns:
        The best trial; `segexp.load` of its ``study`` has its model.

    Raises:
        InputError: With every fault of study, configuration and data.
        WorkError: When no trial of the study is complete, or the first ones all fail.
    """
    if not timeout > 0:
        raise InputError(f"timeout={timeout!r}: seconds, above 0")
    root, engine = project_of(project), _engine(workers)
    overrides = overrides_of(settings, data=data, mapping=mapping, storage=storage)
    if trials is not None:
        overrides["trials"] = trials
    path, definition, config = read_study(root, None if study is None else str(study), overrides)
    by_file = study_naming(definition.name, data, overrides.get("mapping"))
    definition, naming = named_study(definition, study_name, by_file)
    display = Lines(say)
    with full_disk_explained(root):
        searched = read_space(str(path), definition, config)
        plan = plan_study(root, str(path), definition, config, searched, display.say)
        storage_now = open_storage(config.storage, root, config.storage_patience)
        plan = on_same_data(plan, naming, storage_now, display.say)
        finished, _ = run_study(
            plan,
            storage_now,
            display,
            engine=engine,
            workers=workers or None,
            stop=StopRule(time.monotonic() + timeout, stop_early),
            naming=naming,
            new_revision=new_revision,
            mixed=mixed,
        )
    return find_best(finished)


def ab(
    *arms: str,
    study: str | Path | None = None,
    data: str | Path | None = None,
    trials: int | None = None,
    candidates: int | None = None,
    seeds: int | None = None,
    looks: int = 1,
    matched: bool = False,
    configs: int | None = None,
    margin: float = 0.01,
    cluster: str = "auto",
    study_name: str | None = None,
    mixed: bool = False,
    workers: int | None = 0,
    settings: Dict[str, Any] | None = None,
    storage: str | None = None,
    project: str | Path | None = None,
    say: Callable[[str], object] = print,
) -> AbAnswer:
    """Compare mappings or configurations as ``segexp ab`` does, trained on the same images.

    Args:
        arms: Two or more: names of mappings, or configurations such as
            ``"slow: {learning_rate: 1e-4}"``.
        study: The study whose search space is used; by default ``default``.
        trials: Finished trials of each arm's search; by default 20.
        candidates: Configurations that every arm trains; by default 6.
        seeds: Trainings of each of them in each arm; by default 1.
        looks: How often the arms are compared meanwhile; once a look settles it, the rest is not
            trained.
        matched: Whether configurations are drawn at random in place of a search.
        configs: How many, of matched arms; by default 24.
        margin: A difference of mIoU that would not matter, in 0..1.
        cluster: How images are resampled: ``auto``, ``none``, ``sequence`` or ``city``.
        study_name: By default ``ab-`` and the arms.

    The other arguments are those of `tune`.

    Raises:
        InputError: With every fault, or when a study of this name has another definition.
        WorkError: When an arm has no run that can be compared.
    """
    root, engine, display = project_of(project), _engine(workers), Lines(say)
    overrides = overrides_of(settings, data=data, storage=storage)
    check_numbers(
        matched=matched, trials=trials, candidates=candidates, configs=configs, margin=margin
    )
    base = None if study is None else str(study)
    named = parse_arms(arms)
    naming = ab_naming(base, [arm.name for arm in named], data, matched)
    if not matched:
        overrides.setdefault("trials", TRIALS if trials is None else trials)
    number = int(overrides.get("trials", TRIALS))
    design = make_design(
        matched=matched,
        trials=number,
        configs=configs if matched else candidates,
        seeds=seeds,
        looks=looks,
    )
    question = Question(margin, cluster)
    with full_disk_explained(root):
        found = settings_elsewhere(root, overrides, named)
        if found is not None and has_storage(found[0].storage, root):
            config, settings = found
            wanted = Wanted(
                study_name or naming.name,
                None if study_name else naming,
                arms_definition(design.mode, named),
                numbers_of(design, None if matched else number),
                question,
                settings,
            )
            answered = find_answered(read_storage(config.storage, root), wanted)
            if answered is not None:
                name = answered.study_name
                return AbAnswer(*ask_again(root, config, name, wanted, display.say))
        planned = partial(plan_ab, root, base, named, overrides, design=design)
        plan = planned(name=study_name or naming.name)
        storage_now = open_storage(plan.config.storage, root, plan.config.storage_patience)
        if not study_name:
            source = plan.arms[0].base.source
            name = name_on_same_data(naming, storage_now, root, source, display.say, has_parts=True)
            plan = plan if name == plan.name else planned(name=name)
        result, directory = run_ab(
            plan,
            question,
            storage_now,
            display,
            engine=engine,
            workers=workers or None,
            naming=None if study_name else naming,
            mixed=mixed,
        )
    return AbAnswer(result, directory)


def _engine(workers: int | None) -> Engine:
    """Return what runs trials, ready to do so."""
    if workers is not None and not (isinstance(workers, int) and workers >= 0):
        raise InputError(f"workers={workers!r}: a whole number from 0, or None for as many as suit")
    engine = load_engine("here" if workers == 0 else "workers")
    engine.prepare(workers or None, None)
    return engine
