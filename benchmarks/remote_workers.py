"""Let workers of other hosts run a study, end them in every way, and print what is left.

python benchmarks/remote_workers.py                 # all of it
python benchmarks/remote_workers.py killed term     # some of it
python benchmarks/remote_workers.py --namespaces    # and a cable is pulled; root only

`segexp tune --engine remote` runs in a project, and two `segexp worker --connect` in empty
directories; each is a host as those of benchmarks/hosts.py are, with the same servers.

killed      SIGKILL of a worker in a trial
ctrl-c      SIGINT of the study in the middle, and the same command again
term        SIGTERM of a worker in a trial, after its first epochs
ab          `segexp ab`: workers stay from the searches to the final trainings
cut         (with --namespaces) the cable of a worker is pulled in a trial, and not plugged in

Prints Markdown, and ends with 1 when anything was lost, doubled or left open.
"""

import argparse
import secrets
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from optuna.trial import FrozenTrial

from harness import network
from harness.hosts import Host, lay_out_host
from harness.left_by_hosts import COLUMNS, count_trials, read_trials, what_is_left
from harness.place import Place, servers
from segexp.study.attributes import INTERRUPTED, RETRY_OF, host_of

HEAD, WORKERS, PORT = "head", ("worker-0", "worker-1"), 8765
TRIALS = 10
SHORT = ["hosts", "--trials", str(TRIALS)]
LONG = ["crowd", "--study-name", "hosts", "--trials", "3", "--set", "training.epochs=40"]
AB = ["ab", "merged10", "categories7", "--study", "crowd", "--trials", "7", "--candidates", "2"]
LISTENS = "workers join with"
END_WITHIN = 600.0  # seconds


@dataclass
class Team:
    """The host of a study, and those of its workers."""

    place: Place
    head: Host
    workers: list[Host]

    def start(self) -> None:
        """Start the study, and the workers when it listens."""
        said = self.said(self.head).count(LISTENS)
        self.head.start()
        while self._runs(self.head) and self.said(self.head).count(LISTENS) == said:
            time.sleep(0.2)
        for host in self.workers:
            host.start()

    def said(self, host: Host) -> str:
        """Return what a host has printed."""
        return host.log.read_text(encoding="utf-8") if host.log.exists() else ""

    def codes(self) -> list[int | None]:
        """Wait until all have ended; None for those that do not."""
        deadline = time.monotonic() + END_WITHIN
        hosts = [self.head, *self.workers]
        while time.monotonic() < deadline and any(self._runs(host) for host in hosts):
            time.sleep(0.2)
        return [None if h.process is None else h.process.poll() for h in hosts]

    def _runs(self, host: Host) -> bool:
        return host.process is not None and host.process.poll() is None

    def trials(self) -> list[FrozenTrial]:
        """Return the study's trials."""
        return read_trials(self.place.url, self.place.directory)

    def wait_for(self, host: Host, finished: int = 0, epochs: int = 0) -> FrozenTrial:
        """Wait until so many trials are finished and a host is in one, after so many epochs."""
        while self._runs(self.head):
            trials = self.trials()
            if sum(t.state.is_finished() for t in trials) >= finished:
                for t in trials:
                    is_there = (t.state.name, host_of(t)) == ("RUNNING", host.name)
                    if is_there and len(t.intermediate_values) >= epochs:
                        return t
            time.sleep(0.1)
        raise RuntimeError(f"the study has ended; {self.head.log}")

    def end(self) -> None:
        """Leave nothing behind that runs."""
        for host in (self.head, *self.workers):
            host.end()


Case = Callable[[Team], tuple[dict[str, object], list[str]]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", metavar="CASE", choices=[*CASES])
    parser.add_argument("--namespaces", action="store_true")
    given = parser.parse_args()
    chosen = given.cases or [name for name in CASES if given.namespaces or name != "cut"]
    if given.namespaces:
        network.enter_private_network()
        network.lay_out_network([HEAD, *WORKERS, "reader"])
    faults: list[str] = []
    print("| case | |\n|---|---|", flush=True)
    for name in chosen:
        with servers(is_cabled=given.namespaces) as place:
            team = lay_out(place, COMMANDS[name])
            begun = time.monotonic()
            try:
                team.start()
                rows, found = CASES[name](team)
            finally:
                team.end()
            faults += [f"{name}: {fault}" for fault in found]
        rows["seconds"] = round(time.monotonic() - begun)
        for key, value in rows.items():
            print(f"| {name}: {key} | {value} |", flush=True)
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        sys.exit(1)


def lay_out(place: Place, words: list[str]) -> Team:
    """Lay out a project for the study, and empty directories for the workers."""
    address = network.address_of(0) if place.is_cabled else "127.0.0.1"
    variables = {"SEGEXP_WORKER_TOKEN": secrets.token_urlsafe()}
    listening = [*words, "--engine", "remote", "--listen", f"{address}:{PORT}"]
    head = place.host(HEAD, listening, variables)
    lay_out_host(head.project, place.url, place.uri)
    connect = ["worker", "--connect", f"{address}:{PORT}"]
    workers = [place.host(name, connect, variables) for name in WORKERS]
    for worker in workers:
        worker.project.mkdir()
    return Team(place, head, workers)


def kill_a_worker(team: Team) -> tuple[dict[str, object], list[str]]:
    first = team.workers[0]
    trial = team.wait_for(first, finished=3)
    first.kill()
    codes = team.codes()
    rows, faults = left(team, TRIALS, codes, [0, -signal.SIGKILL, 0])
    return rows | again(team, trial, faults, first), faults


def interrupt_the_study(team: Team) -> tuple[dict[str, object], list[str]]:
    team.wait_for(team.workers[0], finished=3)
    assert team.head.process is not None
    team.head.process.send_signal(signal.SIGINT)
    codes = team.codes()
    trials = team.trials()
    states = Counter(
        "interrupted" if INTERRUPTED in t.user_attrs else t.state.name.lower() for t in trials
    )
    words = [last_line(team, worker) for worker in team.workers]
    rows = {
        "exit codes after Ctrl-C": show(codes),
        "a worker's last line": words[0],
        "trials then": ", ".join(f"{n} {state}" for state, n in sorted(states.items())),
    }
    faults = [f"exit codes {show(codes)}"] if codes != [130, 0, 0] else []
    is_closed = not states["running"] and 0 < states["interrupted"] == states["waiting"]
    faults += [] if is_closed else [rows["trials then"]]
    team.start()
    more, others = left(team, TRIALS, team.codes(), [0, 0, 0])
    return {**rows, **more}, [*faults, *others]


def terminate_a_worker(team: Team) -> tuple[dict[str, object], list[str]]:
    first = team.workers[0]
    trial = team.wait_for(first, epochs=5)
    assert first.process is not None
    first.process.terminate()
    rows, faults = left(team, 3, team.codes(), [0, 128 + signal.SIGTERM, 0])
    rows["the worker's last line"] = last_line(team, first)
    return rows | again(team, trial, faults, first, goes_on=True), faults


def compare(team: Team) -> tuple[dict[str, object], list[str]]:
    codes = team.codes()
    counted = count_trials(team.place)
    joined = team.said(team.head).count("has joined")
    rows: dict[str, object] = {
        "exit codes": show(codes),
        "trials of each study": ", ".join(f"{name} {n}" for name, n in sorted(counted.items())),
        "workers that joined": joined,
    }
    faults = [f"exit codes {show(codes)}"] if any(codes) or None in codes else []
    return rows, [*faults, *([f"{joined} joined"] if joined != len(WORKERS) else [])]


def cut_a_worker(team: Team) -> tuple[dict[str, object], list[str]]:
    first = team.workers[0]
    trial = team.wait_for(first, finished=3)
    network.cut(first.name)
    time.sleep(90)  # more than the minute of silence
    network.mend(first.name)
    rows, faults = left(team, TRIALS, team.codes(), [0, 1, 0])
    rows["the worker's last line"] = last_line(team, first)
    return rows | again(team, trial, faults, first), faults


def left(
    team: Team, trials: int, codes: list[int | None], expected: list[int]
) -> tuple[dict[str, object], list[str]]:
    found, faults = what_is_left(team.place, trials)
    rows = {
        "exit codes of the study and its workers": show(codes),
        **dict(zip(COLUMNS, found, strict=True)),
    }
    faults += [f"exit codes {show(codes)}, not {show(expected)}"] if codes != expected else []
    return rows, faults


def again(
    team: Team, trial: FrozenTrial, faults: list[str], host: Host, *, goes_on: bool = False
) -> dict[str, object]:
    """Say where a trial was tried again, and from which epoch."""
    trials = team.trials()
    tried = [t for t in trials if t.user_attrs.get(RETRY_OF) == trial.number]
    where = [host_of(t) for t in tried]
    if len(tried) != 1 or host.name in where:
        faults.append(f"trial {trial.number} is tried again on {where}")
    anew = f"trial {tried[0].number} begins at epoch 1" in team.said(team.head) if tried else True
    if goes_on and anew:
        faults.append(f"trial {trial.number} goes on from nothing")
    epochs = len(trials[trial.number].intermediate_values)
    since = "epoch 1" if anew or not epochs else f"epoch {epochs}, which was its last whole one"
    return {f"its trial {trial.number}": f"tried again on {', '.join(where)}, from {since}"}


def last_line(team: Team, host: Host) -> str:
    return team.said(host).strip().rpartition("\n")[2]


def show(codes: Sequence[int | None]) -> str:
    return " ".join(map(str, codes))


CASES: dict[str, Case] = {
    "killed": kill_a_worker,
    "ctrl-c": interrupt_the_study,
    "term": terminate_a_worker,
    "ab": compare,
    "cut": cut_a_worker,
}
COMMANDS = {
    "killed": ["tune", *SHORT],
    "ctrl-c": ["tune", *SHORT],
    "term": ["tune", *LONG],
    "ab": AB,
    "cut": ["tune", *SHORT],
}


if __name__ == "__main__":
    main()
