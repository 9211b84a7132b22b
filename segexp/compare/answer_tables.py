"""The answer of an A/B study as MLflow tables."""

from collections.abc import Mapping
from typing import Any


def answer_tables(result: Mapping[str, Any]) -> dict[str, dict[str, list[Any]]]:
    """Return the content of ``ab_result.json`` as tables: file name -> columns of equal length."""
    arms, pairs = result["arms"], result["pairs"]
    per_class = [(pair, row) for pair in pairs for row in pair["per_class"]]
    return {
        "ab_arms.json": {
            "arm": [arm.get("name", arm["mapping"]) for arm in arms],
            "mapping": [arm["mapping"] for arm in arms],
            "classes": [arm["classes"] for arm in arms],
            "miou_native": [arm["native"]["mean"] for arm in arms],
            "miou_common": [arm["common"]["mean"] for arm in arms],
            "miou_common_argmax": [arm["common_argmax"]["mean"] for arm in arms],
            "bits_kept": [arm["bits_kept"] for arm in arms],
            "bits_lost": [arm["bits_lost"] for arm in arms],
        },
        "ab_pairs.json": {
            "a": [pair["a"] for pair in pairs],
            "b": [pair["b"] for pair in pairs],
            "delta": [pair["delta"] for pair in pairs],
            "low": [pair["interval"] and pair["interval"][0] for pair in pairs],
            "high": [pair["interval"] and pair["interval"][1] for pair in pairs],
            "verdict": [pair["verdict"] for pair in pairs],
            **{
                term: [pair["decomposition"][term] for pair in pairs]
                for term in ("native_gap", "ruler_a", "training", "ruler_b")
            },
        },
        "ab_classes.json": {
            "pair": [f"{pair['b']} - {pair['a']}" for pair, _ in per_class],
            **{
                key: [row[key] for _, row in per_class]
                for key in ("class", "group", "a", "b", "delta", "p_holm")
            },
            "low": [row["interval"] and row["interval"][0] for _, row in per_class],
            "high": [row["interval"] and row["interval"][1] for _, row in per_class],
        },
    }
