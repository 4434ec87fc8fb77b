"""Signed statements about builds: making them, reading them, and comparing them with this store.

Imports fetching, unpacking and substitution. A *statement* says which object a derivation came out
as; an *envelope* is a statement with its signatures; the *keyring* is this user's own and trusted
keys; a *challenge* compares others' statements with this store.
"""
