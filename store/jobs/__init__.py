"""One derivation's work, in a process of its own, and the processors that it may use.

Imports the store of this machine, the sandbox, fetching and unpacking. *Lowering* turns a
derivation into a sandbox's request; a *token* is the right to use one processor; the *executor*
runs jobs and hands on what they report.
"""
