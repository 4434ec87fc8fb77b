"""Servers of the Remote Execution API: blobs by SHA-256, results of actions, actions to be run.

Imports the model and the operating system. A *blob* is bytes on a server, named by their SHA-256
and size. An *action* is a command with its input files; the server keeps its result. The interface
is :class:`~store.reapi.server.Server`. gRPC has threads, and a process with threads cannot start a
sandbox; so all of its work is done in a process of its own, with which the interface speaks.
Nothing that a server sends is believed.

The definitions (``definitions.binpb``) are made by ``scripts/reapi_definitions.py``; they are under
the licence in ``LICENSE-APACHE``.
"""
