"""Other projects' files into our mappings: one module per format, `recognise` tells them apart.

Every format becomes a list of `rows.Row` (a label and the class that it falls into), and one
function turns rows into a `Mapping`. Nothing that is read is ever executed.
"""
