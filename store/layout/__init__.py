"""The place of a store, the places in it, and the check that a folder is a store at all.

Imports the model and the system. The *root* of a store is its folder on the machine; the *store
directory* is the part that programs see, as ``/store``; the *marker* is the file that says of a
root that it is a store.
"""
