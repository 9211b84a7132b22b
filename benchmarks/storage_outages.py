"""Take a study's PostgreSQL server away in the middle, and count what that cost.

python benchmarks/storage_outages.py                            # away once, for 5 minutes
python benchmarks/storage_outages.py --seconds 80 --times 3     # three times, for 80 s each
python benchmarks/storage_outages.py --freeze                   # stopped (SIGSTOP), not ended

Two workers run tiny trials meanwhile. Prints what the command said of it, its exit code, and how
many trials there are in each state, were counted as failed, or were begun twice.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import optuna
from optuna.trial import TrialState

from harness.postgres import PostgresServer, running_server
from harness.project import ROOT
from segexp.study.attributes import RETRY_OF
from segexp.study.budget import counts_towards_budget

STUDY = """\
name: outage
sampler: {name: random, seed: 1}
pruner: none
space: {learning_rate: {low: 1e-4, high: 1e-2, log: true}}
config:
  mapping: merged10
  training.epochs: 4
  data.image_size: [32, 64]
  model.decoder_width: 0.25
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300, help="how long it is away")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--patience", default="10m")
    parser.add_argument("--freeze", action="store_true")
    given = parser.parse_args()
    project = Path(tempfile.mkdtemp(prefix="segexp-storage-outages-"))
    segexp = [sys.executable, "-m", "segexp"]
    subprocess.run([*segexp, "init", str(project)], check=True, stdout=subprocess.DEVNULL)
    (project / "studies" / "outage.yaml").write_text(STUDY, encoding="utf-8")
    with running_server() as server:
        url = server.make_database()
        options = ["--trials", str(given.trials), "--workers", str(given.workers)]
        options += ["--storage", url, "--storage-patience", given.patience]
        log = project / "tune.log"
        with log.open("wb") as said:
            command = subprocess.Popen(
                [*segexp, "tune", "outage", *options],
                cwd=project,
                stderr=said,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        for outage in range(given.times):
            wait_for_trials(url, 1 + outage, command)
            take_away(server, given.seconds, freeze=given.freeze)
        code = command.wait()
        print("\n".join(line for line in log.read_text().splitlines() if "answer" in line))
        report(url, code)


def wait_for_trials(url: str, ended: int, command: "subprocess.Popen[bytes]") -> None:
    """Wait until so many trials have ended, and another one is in the middle."""
    while command.poll() is None:
        time.sleep(0.5)
        if "outage" in optuna.get_all_study_names(url):
            trials = optuna.load_study(study_name="outage", storage=url).trials
            running = [t for t in trials if t.state == TrialState.RUNNING and t.intermediate_values]
            if sum(t.state.is_finished() for t in trials) >= ended and running:
                return
    raise SystemExit("the study ended before the server was taken away")


def take_away(server: PostgresServer, seconds: float, *, freeze: bool) -> None:
    if freeze:
        assert server.process is not None
        os.kill(server.process.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(server.process.pid, signal.SIGCONT)
    else:
        server.stop()
        time.sleep(seconds)
        server.start()


def report(url: str, code: int) -> None:
    trials = optuna.load_study(study_name="outage", storage=url).trials
    counted = [trial for trial in trials if counts_towards_budget(trial)]
    states = Counter(trial.state.name for trial in counted)
    print("\n| what | count |\n|---|---|")
    print(f"| exit code | {code} |")
    print(f"| trials that count | {len(counted)}: {dict(states)} |")
    print(f"| counted as failed | {states['FAIL']} |")
    print(f"| tried again | {sum(RETRY_OF in t.user_attrs for t in trials)} |")
    print(f"| left running | {sum(t.state == TrialState.RUNNING for t in trials)} |")


if __name__ == "__main__":
    main()
