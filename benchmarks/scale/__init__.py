"""A run of a million finished units: how long it takes to open, to go on with and to read it, and what memory."""
