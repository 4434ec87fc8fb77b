"""Running one builder where it sees its inputs and nothing else of the machine.

Imports the system and the digests. A *request* is all that a run depends on; a *plan* has the
mounts and the refused calls; a *variation* changes on purpose a thing that no build should depend
on; a *work directory* is the only place that one run may write to.
"""
