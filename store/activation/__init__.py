"""The machine that runs a system of this distribution, as far as the store changes it.

Imports the system alone. The *image's own system* is the one that the machine's disk came with; a
*generation* of the system is laid over it when the machine starts, or while it runs.
"""
