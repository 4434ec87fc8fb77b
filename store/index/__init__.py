"""The index: the store's records, in LMDB.

Imports the model and the system; no other room imports lmdb. *Reading* and *writing* are
transactions, by groups of tables; a *record* is a fact that no object can give back.
"""
