"""Running one builder where it sees its inputs and nothing else of the machine.

Imports the system and the digests. A *request* is all that a run depends on; a *plan* is what is
mounted where and which calls are refused; a *variation* changes on purpose what no build should
depend on; a *work directory* is what one run may write to.
"""
