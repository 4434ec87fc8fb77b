"""The operating system's services, for every room above: system calls, files, locks, processes.

Imports the vocabulary alone. A file *beneath* a folder is reached by a path of names from its
descriptor without following a symbolic link and without ``..``. A *lock* is one between processes,
and lies where only its owner can open it. A *forked call* is work in a process of its own that
answers once.
"""
