from segexp.api.progress import Lines


def test_each_thing_that_is_said_is_a_line_without_passwords() -> None:
    lines: list[str] = []
    display = Lines(lines.append)
    display.say("recorded in http://ann:secret@host:5000")
    display.caching(1, 2)
    display.caching(2, 2)
    display.beside().trial_started(3, 4, 9, {"mapping": "merged10", "learning_rate": 0.00123})
    display.trial_ended(3, "COMPLETE", "0.5 in epoch 2")
    assert "secret" not in lines[0]
    assert lines[1:] == [
        "read 2 images",
        "trial 3 (4/9)  mapping=merged10  learning_rate=0.00123",
        "trial 3  COMPLETE  0.5 in epoch 2",
    ]
