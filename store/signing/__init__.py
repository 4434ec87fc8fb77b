"""Signed statements about builds: keys, envelopes, and what a statement says.

Imports the model, and mechanisms below the store. A *statement* says which object a derivation came
out as; an *envelope* is a statement with its signatures; the *keyring* is this user's own and
trusted keys.
"""
