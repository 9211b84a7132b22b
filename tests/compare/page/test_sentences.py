from segexp.compare.page.sentences import answer_sentences
from segexp.compare.statistics.verdict import untouched_sentence, verdict_sentence
from segexp.evaluation.statistics.bootstrap import Estimate

ABOUT = "On two configurations that tuning found good in either arm"
ALL = Estimate(0.025, -0.010, 0.060, 0.2, 1e-4, 1e-4)
UNTOUCHED = Estimate(0.012, -0.020, 0.044, 0.4, 1e-4, 1e-4)


def pair_about(about):
    """A pair with the sentences that the statistics write of it."""
    return {
        "about": about,
        "sentence": verdict_sentence("fine", "coarse", 0.125, ALL, 0.01, about),
        "untouched_sentence": untouched_sentence(
            ["road", "sky"], UNTOUCHED, 0.01, about, settled=False
        ),
    }


def test_the_main_answer_comes_first_and_what_it_is_about_is_said_once():
    assert answer_sentences(pair_about(ABOUT)) == [
        "On two configurations that tuning found good in either arm, of the 0.125 that coarse "
        "gains over fine in mIoU, 0.100 is the ruler and 0.025 [-0.010, 0.060] is the model: not "
        "enough evidence to tell.",
        "The 2 classes that no arm merges: +0.012 [-0.020, 0.044] in mIoU; not judged on its own, "
        "since there is no verdict over all classes.",
    ]


def test_sentences_without_a_subject_are_left_as_they_are():
    pair = pair_about(None)
    assert answer_sentences(pair) == [pair["sentence"], pair["untouched_sentence"]]


def test_an_answer_about_all_classes_or_of_an_older_segexp_is_one_sentence():
    pair = pair_about(ABOUT)
    assert answer_sentences(pair | {"untouched_sentence": None}) == [pair["sentence"]]
    assert answer_sentences({"sentence": "Of the 0.1."}) == ["Of the 0.1."]
