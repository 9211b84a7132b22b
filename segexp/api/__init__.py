"""What the commands do, as functions for Python programs; `segexp` itself has their names."""
