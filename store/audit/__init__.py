"""Audits: is what the store says of itself true, here and when built again?

Imports the jobs, the graph and the attestations. A *trial* is one rebuild; a *verdict* says whether
it came out the same; *causes* are why it did not.
"""
