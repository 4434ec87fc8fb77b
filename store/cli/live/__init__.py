"""The live view: what runs, what waits and how long it takes, in a region that fits the screen.

``progress`` keeps what events said; ``forest`` chooses what of the graph there is room for;
``frame`` lays it out in lines of the terminal's width, with the library ``rich``, of which this
folder is the one door; ``region`` puts the lines on the terminal, over those before; ``reporter``
is the door. It is imported at the first event, and ``rich`` only once there is something to draw.
"""
