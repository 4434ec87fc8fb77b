"""What the operating system offers, for every room above: at present, opening below a folder.

Imports the ground alone. *Beneath* a folder is what a path of names reaches from its descriptor
without following a symbolic link and without ``..``.
"""
