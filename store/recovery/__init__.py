"""The index made anew from the store directory, copied, and taken back.

Imports the index, the objects and the store of this machine. A *survey* reads the manifests on
disk; a *replay* puts back the records that no object can give.
"""
