"""The fault harness: the real command, on a real disk, hurt in every way there is.

``python -m tests.faults`` runs it for as long as one likes; ``docs/faults.md`` lists the
simulated faults. The tests beside this file are its short runs.
"""
