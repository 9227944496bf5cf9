"""Patches of text files: read from what a model writes, and applied to texts. No store is needed."""
