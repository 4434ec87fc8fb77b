"""Where a store is and what lies where in it; and whether a folder is a store at all.

Imports the model and the system. The *root* of a store is its folder on the machine; the *store
directory* is what programs see of it, as ``/store``; the *marker* is the file that says of a root
that it is a store.
"""
