"""Builds on servers of the Remote Execution API, beside those on this machine.

Imports jobs, the store of this machine, and the way in which a cache names its objects on such a
server. A *plain action* is a derivation as any such server can run it: its inputs are files of the
action, and its sandbox is the server's. That is weaker than our own, and recorded so.
"""
