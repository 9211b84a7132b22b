"""The page of an A/B study, from the content of ``ab_result.json``. Read `ab_page` first.

`segexp.report.page` is the shell of every page; what is here knows arms, pairs and verdicts.
"""
