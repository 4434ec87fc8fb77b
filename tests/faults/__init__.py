"""The fault harness: the real command, on a real disk, hurt in every way there is.

``python -m tests.faults`` runs it for as long as one likes; ``docs/faults.md`` says what is
simulated. The tests beside this file are its short runs.
"""
