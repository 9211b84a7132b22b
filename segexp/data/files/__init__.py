"""One image or mask from one file, decoded whole or refused with the file's name."""
