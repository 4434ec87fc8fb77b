"""Garbage: finding objects that are needed no more, and giving their space back to the disk.

Imports usage, the index and the store of this machine. A *policy* bounds a collection; *marking*
finds live objects.
"""
