"""The index: what the store knows, in LMDB. Only this package imports lmdb."""
