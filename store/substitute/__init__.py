"""Objects that were made elsewhere, and statements about them; neither is believed unchecked.

Imports the graph, the jobs and what they stand on. A *substituter* offers objects; *belief* says
which statements count, and why.
"""
