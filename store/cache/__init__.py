"""Signed caches: objects, and statements about them, that other machines left for this one.

Imports the store of this machine, and what that stands on. A *cache* offers objects and statements;
nothing that it sends is believed. A *head* has an object's manifest, its whole closure, and how its
*pack* is cut into *frames* of compressed contents. A *place* is where the files of a cache lie: a
folder, or a web server.
"""
