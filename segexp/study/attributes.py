"""What segexp keeps in user attributes of studies and trials; a name on disk never changes."""

from optuna.trial import FrozenTrial, TrialState

from segexp.core.lease import owner_from_dict

DEFINITION = "segexp.definition"  # study: what its scores depend on
RUN_ID = "segexp.run_id"  # study: the MLflow parent run; trial: its own run
PART_RUNS = "segexp.arm_runs"  # study of several parts: the MLflow run of each part, by name
PARTS = "arms"  # in DEFINITION: the names of the parts, of a study that has some
PARTS_LABEL = "arm"  # what the brackets of all parts are drawn from, see `segexp.study.rungs`
LISTED = "segexp.listed"  # study: whether it trains a list, and searches nothing
CONSTANT = "segexp.constant"  # study: the scores of always predicting the most frequent class
SUPERVISORS = "segexp.supervisor."  # study, with a token: a run of it; None once it has ended
WARNINGS = "segexp.warnings"  # study: what is to be said of its data beside every score
SUPERSEDED = "segexp.superseded"  # study: parent runs of hosts that came second
RUN_KEY = "segexp.run_key"  # study: what its MLflow run is tagged with, noted before it is made
TRACKING = "segexp.tracking"  # study: the tracking URI and the experiment of its MLflow runs
ANSWER = "segexp.ab_answer"  # study of parts: the numbers and the look with which it answered
ANSWER_FILES = "segexp.ab_files"  # the same: the SHA-256 of each file of the answer, by name
OWNER = "segexp.owner"  # trial: the process that runs it
BEAT = "segexp.beat"  # trial: when that process was last heard of
CRASHES = "segexp.crashes"  # trial: how many processes died in the trials that it retries
CRASHED = "segexp.crashed"  # trial: whether its own process died
RETRY_OF = "segexp.retry_of"  # trial: the number of the trial that it retries
PROMOTES = "segexp.promotes"  # trial: the number of the pruned trial that it resumes
CARRIED_FROM = "segexp.carried_from"  # trial: STUDY/NUMBER of the revision that it ran in
FAILURE = "segexp.failure"  # trial: why it failed
INTERRUPTED = "segexp.interrupted"  # trial: ended by a signal or a crash, or dropped; not counted
RETRY = "retry"  # the value of INTERRUPTED of a trial that is to be retried
PRECISION = "segexp.precision"  # trial: bf16 or fp32, what its host trained it in; its MLflow tag
COSTS = "segexp.costs"  # trial: what it costs, by each objective that is a cost
RESULT = "segexp.result"  # trial: its scores, see segexp.study.best
STATES = "segexp.state."  # study, with a trial's number: the digests of its state in MLflow
FILES = "segexp.files"  # trial: the SHA-256 of each file that it left, by name


def is_interrupted(trial: FrozenTrial) -> bool:
    """Whether a trial was ended by a signal or a crash, or was dropped.

    A trial that ended by itself while another process took it for dead has the mark as well.
    """
    return trial.state == TrialState.FAIL and bool(trial.user_attrs.get(INTERRUPTED))


def host_of(trial: FrozenTrial) -> str:
    """Return the name of the host that a trial ran on, if it is known."""
    owner = owner_from_dict(trial.user_attrs.get(OWNER))
    return owner.host if owner else "an unknown host"
