"""Mappings compared: did the model get better, or only the ruler? Read `run` first.

May import every room but cli. `arms` reads what is compared, `plan` says what each arm searches and
`finals` what it trains in the end, `run` runs the arms in turn, `runs` reads the trainings' files,
`statistics` says how sure the answer is, `result` is the answer, `page/` shows it. `predictions`
compares folders of masks, `suggest` proposes mappings.
"""
