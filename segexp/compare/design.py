"""How an A/B study compares its arms, and how much it trains."""

from dataclasses import dataclass
from math import ceil, floor
from typing import Literal

from segexp.core.errors import InputError

Mode = Literal["shared", "matched", "tuned"]

LARGEST_SHARE = 0.3
"""A larger share of a search's trials is no longer its best: the estimate drifts towards the
typical configuration (docs/method.md)."""

TRIALS = 20
"""Trials of each arm's search, by default."""

CANDIDATES, MATCHED_CONFIGS = 6, 24
"""How many configurations are trained in every arm, by default."""

FEWEST = 2
"""Configurations or, with one configuration, seeds: fewer show no spread."""


@dataclass(frozen=True)
class Design:
    """What is trained in every arm, fixed before the first answer.

    ``shared`` arms each run a search, then every arm trains the configurations that the searches
    put among their best. ``matched`` arms train configurations drawn at random. ``tuned`` arms each
    train their own search's winner with several seeds: the design of earlier versions, with which
    their studies resume; its interval does not include the luck of the searches.

    Attributes:
        mode: One of these.
        configs: Configurations that every arm trains; 1 for tuned arms.
        seeds: Trainings of each configuration in each arm.
        looks: How often the arms are compared while the configurations are trained: if an early
            look settles the question, the rest is not trained.
    """

    mode: Mode
    configs: int
    seeds: int
    looks: int = 1

    def configs_at_looks(self) -> list[int]:
        """Return how many configurations have been trained at each look, ascending."""
        return [ceil(self.configs * look / self.looks) for look in range(1, self.looks + 1)]


@dataclass(frozen=True)
class Question:
    """What is asked about the trained runs; asking differently needs no new training.

    Attributes:
        margin: A difference of mIoU that would not matter, above 0.
        cluster: How the images are grouped for resampling: see
            `segexp.evaluation.statistics.clusters`.
    """

    margin: float
    cluster: str


def make_design(
    *,
    matched: bool = False,
    trials: int = TRIALS,
    configs: int | None = None,
    seeds: int | None = None,
    looks: int = 1,
) -> Design:
    """Return the design of a new A/B study, with defaults for numbers that are not given.

    Args:
        matched: Whether the configurations are drawn at random instead of searched for.
        configs: Candidates of shared arms, by default 6, or fewer with fewer than 20 trials;
            configurations of matched arms, by default 24.
        seeds: Trainings of each configuration in each arm; by default 1.
    """
    if configs is None:
        configs = MATCHED_CONFIGS if matched else min(CANDIDATES, most_candidates(trials))
    return Design("matched" if matched else "shared", configs, 1 if seeds is None else seeds, looks)


def most_candidates(trials: int) -> int:
    """Return the largest number of candidates for searches with a number of trials."""
    return floor(LARGEST_SHARE * trials + 1e-9)


def check_numbers(
    *,
    matched: bool = False,
    trials: int | None = None,
    candidates: int | None = None,
    configs: int | None = None,
    margin: float = 0.01,
) -> None:
    """Refuse numbers that were given and mean nothing for such arms, and a margin that is none.

    Raises:
        InputError: With all of them.
    """
    faults = []
    if not margin > 0:
        faults.append(f"--margin {margin:g}: must be above 0, such as 0.01")
    elif margin >= 1:
        faults.append(f"--margin {margin:g}: mIoU goes from 0 to 1; take less, such as 0.01")
    if matched and trials is not None:
        faults.append("--trials: matched arms do not search; give --configs instead")
    if matched and candidates is not None:
        faults.append("--candidates: matched arms do not search; give --configs instead")
    if not matched and configs is not None:
        faults.append("--configs: is for --matched arms; others take --trials and --candidates")
    if faults:
        raise InputError(faults)


def numbers_of(design: Design, trials: int | None) -> dict[str, int]:
    """Return the numbers of an A/B study, which are fixed once it has compared its arms.

    Args:
        trials: Those of each arm's search; None for matched arms, which do not search.
    """
    searched = {} if trials is None else {"trials": trials}
    return {**searched, "configs": design.configs, "seeds": design.seeds, "looks": design.looks}


def design_faults(design: Design, trials: int, arms: int) -> list[str]:
    """List what is wrong with the numbers of a design."""
    faults = []
    if design.seeds < 1:
        faults.append(f"--seeds {design.seeds}: take 1 or more")
    if design.looks < 1:
        faults.append(f"--looks {design.looks}: take 1 or more")
    if design.mode == "shared":
        faults += _candidate_faults(design.configs, trials, arms)
    elif design.mode == "matched" and design.configs < 1:
        faults.append(f"--configs {design.configs}: take 1 or more")
    elif design.configs < FEWEST and design.seeds < FEWEST:
        faults.append(
            f"--seeds {design.seeds}: one seed does not show the noise of training; take 2 or more"
        )
    if not faults and design.looks > 1 and design.configs < FEWEST * design.looks:
        faults.append(
            f"--looks {design.looks}: each needs {FEWEST} more configurations, and there are "
            f"{design.configs}; take {max(1, design.configs // FEWEST)} or fewer"
        )
    return faults


def _candidate_faults(candidates: int, trials: int, arms: int) -> list[str]:
    fewest, most = max(FEWEST, arms), most_candidates(trials)
    needed = ceil(max(candidates, fewest) / LARGEST_SHARE - 1e-9)
    if most < fewest:
        return [
            f"--trials {trials}: {fewest} candidates at least are trained in every arm, and only "
            f"the best {LARGEST_SHARE:.0%} of a search may be one; take --trials {needed} or more"
        ]
    if candidates < fewest:
        reason = "every arm names one" if arms > FEWEST else "one shows no spread"
        return [f"--candidates {candidates}: {reason}; take {fewest} or more"]
    if candidates > most:
        return [
            f"--candidates {candidates}: more than {LARGEST_SHARE:.0%} of {trials} trials are no "
            "longer a search's best, and the answer drifts towards the typical configuration; "
            f"take {most} or fewer, or --trials {needed}"
        ]
    return []
