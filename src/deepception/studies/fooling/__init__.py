"""Fooling images in run folders: planned, carried out, and turned into results."""
