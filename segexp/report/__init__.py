"""Pages and pictures, self-contained HTML and PNG, from plain rows and arrays.

May import evaluation and the rooms below; knows nothing of arms. `page` is the shell of every page;
`study_page`, `data_page`, `ladder_page` and `confusion_page` fill it; `pictures` draws masks.
"""
