"""Objects on disk: taking trees in, finding references, sharing files, checking.

Imports the layout, the model and the system. A tree is *ingested* by *staging* (copied or moved,
hashed), *finishing* (modes, times, shared files) and *placing* (its name in the store directory).
"""
