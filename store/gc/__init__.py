"""Garbage: finding what is needed no more, and giving its space back to the disk.

Imports usage, the index and the store of this machine. A *policy* says what may go; *marking* finds
what is alive.
"""
