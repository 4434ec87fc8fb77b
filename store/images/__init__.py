"""Images of a root file system: for a disk, for containers, as an archive.

Imports the system, and knows no store: an *image tree* has, by path, folders, files and links
with their modes, and the places of their bytes. The same tree gives the same bytes, whoever writes
it and wherever: the owner is root, the time is that of all stored files, and names are sorted.
"""
