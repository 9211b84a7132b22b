"""A/B studies of mappings: did the model get better, or only the ruler? Read `study` first.

`plan` says what each arm trains, `study` runs the arms in turn, `runs` reads back what the final
trainings left, `result` compares them.
"""
