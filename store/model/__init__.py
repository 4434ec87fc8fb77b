"""The pure model: frozen values, checked where they are made; no I/O.

Imports the vocabulary alone. *Derivation*, *realisation*, *manifest*, *catalogue* and *object id*
are defined here, with their encodings.
"""
