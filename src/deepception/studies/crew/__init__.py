"""The processes that work on one run: who they are, what each has claimed, and which of them may write for all."""
