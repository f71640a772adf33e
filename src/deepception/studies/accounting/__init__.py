"""Accounting: what every unit cost, what failed and who worked when; nothing that was billed is lost."""
