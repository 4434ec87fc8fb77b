"""Who holds which objects, and what they cost.

Imports the index and the store of this machine. A *holder* is a root, a lease or a running process;
a holder's *share* is what only it keeps; *space* is what files take on the disk.
"""
