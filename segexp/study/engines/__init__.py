"""Where trials run: worker processes, how they start, how many there are, and who watches them."""
