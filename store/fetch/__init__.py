"""Getting a file with a known hash from the network, whatever the servers do.

Imports the model and the system. A *locator* names where a file may be; a *part* is a download that
is under way; *bounds* hold for one fetch as a whole.
"""
