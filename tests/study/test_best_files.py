from segexp.study.best_files import fetch_best_files
from segexp.study.results_folder import write_results
from segexp.study.trial_files import directory_of
from tests.study.two_hosts import Hosts


def test_a_page_has_elsewhere_what_it_has_where_the_best_trial_ran(hosts: Hosts) -> None:
    study, _ = hosts.run(0, trials=1)
    here, there = (directory_of(project, study.trials[0]) for project in hosts.projects)
    said: list[str] = []
    fetch_best_files(hosts.projects[1], hosts.uri, study, said.append)
    (line,) = said
    assert "bundle/bundle.json, bundle/model.safetensors from the artifacts of MLflow run" in line
    names = sorted(path.name for path in (here / "overlays").iterdir())
    assert names
    assert names == sorted(path.name for path in (there / "overlays").iterdir())
    pages = [write_results(project, study, is_live=False) for project in hosts.projects]
    assert (pages[1].parent / "best" / "bundle" / "model.safetensors").is_file()
    own, other = (page.read_text(encoding="utf-8").count("<img") for page in pages)
    assert own == other > 0
    fetch_best_files(hosts.projects[1], hosts.uri, study, said.append)
    assert len(said) == 1


def test_a_page_without_mlflow_says_what_is_not_on_it(hosts: Hosts) -> None:
    study, _ = hosts.run(0, trials=1)
    said: list[str] = []
    nowhere = f"sqlite:///{hosts.projects[1]}/none.db"
    fetch_best_files(hosts.projects[1], nowhere, study, said.append)
    assert "not on the page: confusions.npz" in said[-1] and "no MLflow database" in said[-1]
