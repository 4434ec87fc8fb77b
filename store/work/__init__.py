"""One node's work, in a process of its own, and the processors that it may use: for whoever decides
what is to be done.
"""
