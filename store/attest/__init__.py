"""Others' statements about builds: reading them, and comparing them with this store.

Imports fetching, unpacking, signing and substitution. A *challenge* compares others' statements
with this store.
"""
