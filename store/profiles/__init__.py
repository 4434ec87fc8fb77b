"""Profiles: the packages that a user has installed, and how that changed.

Imports the store of this machine, and what that stands on. A *profile* is a link to its current
*generation*. A generation is an object: one tree of links to the files of several packages, with a
list of these. Each has a number and a link of its own, which is a root. A *launcher* starts a
program of a profile where the host has no ``/store``.
"""
