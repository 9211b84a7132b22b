"""What runs are called in MLflow."""

from segexp.core.config import Config
from segexp.core.config_keys import with_values
from segexp.study.run_names import scored_name, trial_name


def test_a_trial_is_called_by_its_number_its_mapping_and_its_architecture():
    config = with_values(Config(), {"mapping": "merged10", "arch": "Segformer", "seed": 17})
    assert trial_name(41, config, is_final=False) == "0041 merged10 Segformer"
    assert trial_name(3, config, is_final=True) == "final 0003 merged10 Segformer seed 17"


def test_a_score_is_added_to_a_name_once_with_three_digits():
    name = scored_name("0041 merged10 Segformer", 0.49651)
    assert name == "0041 merged10 Segformer 0.497"
    assert scored_name(name, 0.49651) == name  # its process died before it ended the run
    assert scored_name("0041 merged10 Segformer", None) == "0041 merged10 Segformer"
