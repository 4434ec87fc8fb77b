"""Reading archives (tar, deb, zip, compressed streams) that nobody vouches for.

Imports the system. A *member* is one entry of an archive; a *selection* says which members are
taken, and to where.
"""
