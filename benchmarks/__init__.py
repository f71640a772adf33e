"""Measurements that are too slow or too noisy to be tests; each is one command."""
