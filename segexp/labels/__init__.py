"""Taxonomies, mappings and label spaces: what a pixel is called, and in which classes.

numpy and YAML only; may import core. `taxonomy` turns raw ids into label indices, `mapping` has the
algebra of label spaces, `files` reads both, `checks` finds probable mistakes, `importers`
read other projects' files.
"""
