"""The holders of objects, and their space.

Imports the index and the store of this machine. A *holder* is a root, a lease or a running process;
a holder's *share* is the part that only it keeps; *space* is the disk space of files.
"""
