"""Let hosts run one study on PostgreSQL and an MLflow server, kill some, and print what is left.

python benchmarks/hosts.py                          # two hosts and four, 16 trials; one is killed
python benchmarks/hosts.py --hosts 3 --trials 30 --no-kill
python benchmarks/hosts.py --disturb                # two hosts, 40 trials, an event every 3 trials
python benchmarks/hosts.py --disturb --namespaces   # the same; root only
python benchmarks/hosts.py --ab                     # two hosts, an A/B study

A host is a `segexp tune` in its own project directory, with its own home, host name (`unshare
--uts`) and locks; all start at the same moment. A lease is 15 s. With `--disturb` one host after
the other is killed in a trial and comes back, the MLflow server is killed and started again, and
stopped (SIGSTOP) for 15 s, and all connections to the database are ended.

With `--namespaces` each host is in a network namespace of its own, too, and reaches the servers
through a bridge alone, on whose address they listen; `--disturb` then also pulls a host's cable in
a trial, for longer than a lease.

Afterwards another place, with a host name, home and network of its own, reads what there is: the
best model from a directory that has nothing but a `config.yaml` with the two URLs, and the answer
of an A/B study with another margin from a new project. Prints Markdown, and ends with 1 when
anything was lost, doubled or left open, or that place did not get it.
"""

import argparse
import json
import math
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from optuna.trial import FrozenTrial

from harness.crash_check import Faults, check_records, is_counted, read_runs
from harness.crash_study import Study
from harness.disturbance import Disturbance, check_cut_off
from harness.hosts import Host, lay_out_host, lay_out_reader
from harness.left_by_hosts import COLUMNS, count_trials, read_trials, what_is_left
from harness.network import enter_private_network, lay_out_network
from harness.place import READER, Place, read_elsewhere, servers
from harness.tracking_server import wait_until_ready
from segexp.study.attributes import INTERRUPTED, RETRY_OF, host_of
from segexp.study.budget import counts_towards_budget

ELSEWHERE = "elsewhere"
AB = ["ab", "merged10", "categories7", "--study", "crowd", "--trials", "7", "--candidates", "2"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hosts", type=int, nargs="+")
    parser.add_argument("--trials", type=int)
    parser.add_argument("--sampler", default="random")
    parser.add_argument("--no-kill", action="store_true")
    parser.add_argument("--disturb", action="store_true")
    parser.add_argument("--namespaces", action="store_true")
    parser.add_argument("--ab", action="store_true")
    given = parser.parse_args()
    numbers = given.hosts or ([2] if given.disturb or given.ab else [2, 4])
    if given.namespaces:
        enter_private_network()
        names = [f"host-{number}" for number in range(max(numbers))]
        lay_out_network([*names, ELSEWHERE, READER])
    faults = []
    if not (given.disturb or given.ab):
        print(
            f"| hosts | killed | exit codes | {' | '.join(COLUMNS)} | seconds | read elsewhere |\n|"
            + "---|" * (len(COLUMNS) + 5),
            flush=True,
        )
    for hosts in numbers:
        with servers(is_cabled=given.namespaces) as place:
            if given.ab:
                faults += run_ab(place, hosts)
            elif given.disturb:
                faults += run_disturbed(place, hosts, given.trials or 40, given.sampler)
            else:
                trials = given.trials or 16
                faults += run(place, hosts, trials, given.sampler, kill=not given.no_kill)
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        sys.exit(1)


def run(place: Place, hosts: int, trials: int, sampler: str, *, kill: bool) -> list[str]:
    all_hosts = lay_out_hosts(place, hosts, trials, sampler)
    begun = time.monotonic()
    codes = run_hosts(all_hosts, place.url, trials, kill=kill)
    seconds = round(time.monotonic() - begun)
    found, faults = what_is_left(place, trials)
    unread = read_elsewhere(place)
    shown = " ".join(map(str, codes))
    row = [hosts, int(kill), shown, *found, seconds, "no" if unread else "yes"]
    print(f"| {' | '.join(map(str, row))} |", flush=True)
    expected = [0] * (hosts - kill) + [-signal.SIGKILL] * kill
    return [*faults, *unread, *([f"exit codes {shown}"] if codes != expected else [])]


def run_disturbed(place: Place, hosts: int, trials: int, sampler: str) -> list[str]:
    disturbance = Disturbance(
        lay_out_hosts(place, hosts, trials, sampler),
        trials,
        place.postgres,
        place.url.rpartition("/")[2],
        place.directory,
        place.address,
        place.port,
        place.mlflow,
        lambda: read_trials(place.url, place.directory),
    )
    begun = time.monotonic()
    try:
        disturbance.run()
    finally:
        place.mlflow = disturbance.server
        for host in disturbance.hosts:
            host.end()
    seconds = time.monotonic() - begun
    wait_until_ready(place.port, place.address)
    unsent = [host.name for host in disturbance.hosts if host.run("sync") != 0]
    left = count_running(place.directory)
    disturbance.hosts[0].run("best", "hosts")  # closes what a killed host left open
    unread = read_elsewhere(place)
    study = Study(place.directory, place.url, trials, "hosts")
    trials_now = read_trials(place.url, place.directory)
    faults = report(study, trials_now, disturbance, unsent, left, seconds)
    print(f"| read elsewhere | {'no' if unread else 'yes'} |")
    return [*faults, *unread]


def run_ab(place: Place, hosts: int) -> list[str]:
    """Let hosts run an A/B study, and ask for its answer with another margin elsewhere."""
    names = [f"host-{number}" for number in range(hosts)]
    for name in (*names, ELSEWHERE):
        lay_out_host(place.directory / name, place.url, place.uri)
    all_hosts = [place.host(name, [*AB, "--workers", "0"]) for name in names]
    begun = time.monotonic()
    codes = run_hosts(all_hosts, place.url, 0, kill=False)
    seconds = time.monotonic() - begun
    before = count_trials(place)
    code = place.host(ELSEWHERE).run(*AB, "--workers", "0", "--margin", "0.02")
    lay_out_reader(place.directory / READER, place.url, place.uri)
    reader = place.host(READER)
    asked = reader.run(*AB, "--margin", "0.03", "--cluster", "none")
    shown = reader.run("report", "ab-crowd-merged10-categories7")
    after = count_trials(place)
    names_of = ("host-0", ELSEWHERE, READER)
    answers = [answer_of(place.directory / name) for name in names_of]
    print(f"| {hosts} hosts, an A/B study | |\n|---|---|")
    rows = {
        "exit codes": " ".join(map(str, codes)),
        "trials of each study": ", ".join(f"{name} {n}" for name, n in sorted(before.items())),
        "seconds": round(seconds),
        "exit code elsewhere, with a margin of 0.02": code,
        "the same where there are only the two URLs, with a margin of 0.03": asked,
        "exit code of segexp report there": shown,
        "trials begun by all of these": sum(after.values()) - sum(before.values()),
        "difference, here and at both": " ".join(f"{a[0]:+.4f}" for a in answers),
        "margin, here and at both": " ".join(str(a[1]) for a in answers),
    }
    for name, value in rows.items():
        print(f"| {name} | {value} |")
    ends = [*codes, code, asked, shown]
    faults = [f"exit codes {ends}"] if any(ends) else []
    faults += [f"trials {before}, then {after}"] if before != after else []
    faults += [f"answers {answers}"] if len({difference for difference, _ in answers}) > 1 else []
    return faults


def answer_of(project: Path) -> tuple[float, float]:
    """Return the difference and the margin of the answer that a project has."""
    (path,) = project.glob("runs/*/ab_result.json")
    result = json.loads(path.read_text(encoding="utf-8"))
    return float(result["pairs"][0]["delta"]), float(result["margin"])


def report(
    study: Study,
    trials: list[FrozenTrial],
    disturbance: Disturbance,
    unsent: list[str],
    left: int,
    seconds: float,
) -> list[str]:
    faults = Faults()
    runs = read_runs(study.project / "server.db", study.name)
    check_records(study, trials, [r for r in runs if "segexp.kind" in r.tags], faults)
    faults.other += [f"{host} has records that it could not send" for host in unsent]
    now = {trial.number: trial for trial in trials}
    for number, seen in disturbance.seen.items():
        told = [(t.state, t.values, t.params, t.intermediate_values) for t in (seen, now[number])]
        if told[0] != told[1]:
            faults.lost.append(f"trial {number} was {told[0]} and is {told[1]}")
    faults.other += [f"a host ended with {code}" for code in disturbance.codes]
    check_cut_off(disturbance.cut_off, trials, faults)
    own = [trial for trial in trials if counts_towards_budget(trial)]
    params = Counter(tuple(sorted(trial.params.items())) for trial in own)
    if len(params) != len(own):
        faults.doubled.append(f"{len(own) - len(params)} configurations")
    rows = {
        **disturbance.done,
        "exit codes other than 0": " ".join(map(str, disturbance.codes)) or 0,
        "trials finished": len(own),
        "of which on each host": ", ".join(
            str(n) for _, n in sorted(Counter(map(host_of, own)).items())
        ),
        "trials interrupted": sum(INTERRUPTED in t.user_attrs for t in trials),
        "trials failed": sum(is_counted(t) and t.state.name == "FAIL" for t in trials),
        "metric points": sum(len(steps) for run in runs for steps in run.steps.values()),
        "lost": len(faults.lost),
        "doubled": len(faults.doubled),
        "same params twice": sum(n - 1 for n in params.values()),
        "RUNNING left in Optuna": len(faults.running_optuna),
        "RUNNING left in MLflow until the next command": left,
        "RUNNING left in MLflow after it": len(faults.running_mlflow),
        "other faults": len(faults.other),
        "seconds": round(seconds),
    }
    print(f"| {len(disturbance.hosts)} hosts, {study.budget} trials | |\n|---|---|")
    for name, value in rows.items():
        print(f"| {name} | {value} |")
    for cut in disturbance.cut_off:
        again = [host_of(t) for t in trials if t.user_attrs.get(RETRY_OF) == cut.trial]
        print(
            f"| {cut.host} without a network for {cut.seconds:.0f} s | its trial {cut.trial} was "
            f"tried again on {', '.join(again)}; its own result was discarded "
            f"{cut.again or math.nan:.0f} s after it was back |"
        )
    return faults.all()


def count_running(directory: Path) -> int:
    return sum(run.status == "RUNNING" for run in read_runs(directory / "server.db", "hosts"))


def lay_out_hosts(place: Place, hosts: int, trials: int, sampler: str) -> list[Host]:
    words = ["tune", "hosts", "--trials", str(trials), "--workers", "0", "--debug"]
    found = [place.host(f"host-{number}", words) for number in range(hosts)]
    for host in found:
        lay_out_host(host.project, place.url, place.uri, sampler)
    return found


def run_hosts(hosts: list[Host], url: str, trials: int, *, kill: bool) -> list[int]:
    """Run all hosts to their end, or kill the last one in a trial; return the exit codes."""
    try:
        for host in hosts:
            host.start()
        if kill:
            wait_for_trials(url, hosts[-1], trials // 2)
            hosts[-1].kill()
        return [host.process.wait() for host in hosts if host.process is not None]
    finally:
        for host in hosts:
            host.end()


def wait_for_trials(url: str, host: Host, count: int) -> None:
    """Wait until so many trials are finished, and a host has one under way."""
    while True:
        time.sleep(0.5)
        trials = read_trials(url, host.project)
        owners = [host_of(t) for t in trials if t.state.name == "RUNNING"]
        if sum(t.state.is_finished() for t in trials) >= count and host.name in owners:
            return


if __name__ == "__main__":
    main()
