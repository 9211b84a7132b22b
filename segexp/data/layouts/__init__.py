"""How data sets lie in their folders: one module a layout, and `registry` tells them apart."""
