"""The live view: running and waiting builds and their times, in a region that fits the screen.

``progress`` keeps the state of the events; ``forest`` chooses the part of the graph that there is
room for; ``frame`` lays it out in lines of the terminal's width, with the library ``rich``, of
which this folder is the one door; ``region`` puts the lines on the terminal, over those before;
``reporter`` is the door. It is imported at the first event, and ``rich`` only once there is
something to draw.
"""
