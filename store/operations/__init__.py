"""Uses of the engine combined: the work of commands, for scripts too.

Imports every room but the command line.
"""
