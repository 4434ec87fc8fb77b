"""Uses of the engine combined: what a command does, and what a script can ask for.

Imports every room but the command line.
"""
