"""The store of this machine: objects on disk and what the index says of them, kept in step.

Imports the index, the objects and what they stand on. Only this room orders a write to the disk and
a transaction. A store has parts: objects, realisations, roots, leases, workspaces. A *root*
keeps an object, a *lease* keeps one for as long as a process lives.
"""
