"""A small grammar of sentences that name the 27 actions of UTD-MHAD, several wordings of each."""

from __future__ import annotations

import itertools
import random
import zlib

WHO = ("a person", "someone", "the person")
DONE = {
    "a1": ("swipes to the left", "moves the right arm to the left", "makes a swipe left"),
    "a2": ("swipes to the right", "moves the right arm to the right", "makes a swipe right"),
    "a3": ("waves", "waves with the right hand", "greets by waving a hand"),
    "a4": ("claps", "claps both hands", "applauds"),
    "a5": ("throws something", "throws with the right arm", "makes a throw"),
    "a6": ("crosses the arms", "folds both arms over the chest", "puts one arm over the other"),
    "a7": ("shoots a basketball", "throws a ball at a basket", "plays basketball"),
    "a8": ("draws an x", "draws a cross in the air", "writes the letter x"),
    "a9": ("draws a circle clockwise", "moves a hand around clockwise", "makes a clockwise circle"),
    "a10": (
        "draws a circle counter clockwise",
        "moves a hand around counter clockwise",
        "makes a circle against the clock",
    ),
    "a11": ("draws a triangle", "makes a triangle in the air", "draws three sides with a hand"),
    "a12": ("bowls", "rolls a bowling ball", "plays bowling"),
    "a13": ("boxes", "punches the air with both fists", "throws punches"),
    "a14": ("swings a baseball bat", "plays baseball", "hits a ball with a bat"),
    "a15": ("swings a tennis racket", "plays tennis", "hits a ball with a racket"),
    "a16": ("curls both arms", "lifts two weights", "bends the elbows"),
    "a17": ("serves at tennis", "makes a tennis serve", "hits a ball from above with a racket"),
    "a18": ("pushes something away", "pushes with two hands", "pushes forward"),
    "a19": ("knocks at a door", "knocks", "raps on a door"),
    "a20": ("catches something", "catches a ball", "reaches out for a catch"),
    "a21": (
        "picks something up and throws it",
        "bends down and then throws",
        "lifts a thing from the floor and throws it",
    ),
    "a22": ("jogs in place", "runs on the spot", "jogs"),
    "a23": ("walks in place", "takes steps on the spot", "walks"),
    "a24": ("stands up", "rises from a chair", "sits and then stands"),
    "a25": ("sits down", "takes a seat", "stands and then sits"),
    "a26": ("lunges", "makes a lunge forward", "steps forward and bends a knee"),
    "a27": ("squats", "makes a squat", "bends both knees and comes up again"),
}
NAMED = {f"{who} {what}": action for action, several in DONE.items() for who, what in itertools.product(WHO, several)}
"""The action that each sentence of the grammar names."""
assert len(NAMED) == len(WHO) * sum(map(len, DONE.values()))


def sentences_of(action: str, name: str, count: int = 5) -> list[str]:
    """Return different sentences that name an action, drawn for a clip of this name."""
    draw = random.Random(zlib.crc32(name.encode()))
    return draw.sample([text for text, own in NAMED.items() if own == action], count)
