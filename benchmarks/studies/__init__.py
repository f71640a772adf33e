"""What a study costs beside its measurements."""
