"""Realising a graph of sources and derivations: plan, then run with a bounded number of jobs.

Imports the graph and the jobs.
"""
