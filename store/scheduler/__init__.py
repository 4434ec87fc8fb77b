"""Executes a graph of sources and derivations: plan, then run with a bounded number of jobs."""
