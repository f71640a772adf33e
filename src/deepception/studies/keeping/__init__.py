"""Keeping finished units: chunks that are written whole or not at all, and the packs that they are put into."""
