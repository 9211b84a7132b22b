from pathlib import Path

import pytest

from segexp.api.projects import configured
from segexp.core.errors import InputError


def test_settings_and_data_go_over_config_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yaml").write_text("training: {epochs: 7, batch_size: 2}\n", "utf-8")
    (tmp_path / "mappings").mkdir()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    root, config = configured(None, {"epochs": 3}, data="streets")
    assert root == tmp_path
    assert (config.training.epochs, config.training.batch_size) == (3, 2)
    assert config.data.root == str(tmp_path / "notebooks" / "streets")
    monkeypatch.setenv("SEGEXP_STORAGE", "sqlite:///other.db")
    assert configured(tmp_path)[1].storage == "sqlite:///other.db"
    with pytest.raises(InputError, match=r"epoch: no such key \(did you mean 'epochs'\?\)"):
        configured(None, {"epoch": 3})
    with pytest.raises(InputError, match=r"settings='epochs=3': a dict"):
        configured(None, "epochs=3")  # type: ignore[arg-type]
