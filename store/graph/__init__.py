"""A graph of derivations: its present part, and its builds to do.

Imports the store of this machine and the model. *Resolving* a derivation puts the objects of its
inputs in their place; a *mixture* is a closure with two objects of one derivation.
"""
