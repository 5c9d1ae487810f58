"""How many sequences of a test part does MiniRocket (aeon) tell right, and how long does it learn?

Source  Dempster, Schmidt & Webb 2021
"""

import json
import sys
import time
import warnings
from importlib.metadata import version

import numpy as np
from aeon.classification.convolution_based import MiniRocketClassifier


def main() -> None:
    warnings.filterwarnings("ignore")
    asked = json.loads(sys.argv[1])
    given = np.load(asked["file"])
    MiniRocketClassifier(random_state=0).fit(given["X"], given["y"]).predict(given["X2"][:2])  # compiles
    accuracy, seconds = [], []
    for seed in range(asked["seeds"]):
        begun = time.process_time()
        model = MiniRocketClassifier(random_state=seed).fit(given["X"], given["y"])
        seconds.append(time.process_time() - begun)
        accuracy.append(float((model.predict(given["X2"]) == given["y2"]).mean()))
    versions = {name: version(name) for name in ("aeon", "numba", "numpy", "scikit-learn")}
    print(json.dumps({"report": {"accuracy": accuracy, "seconds": seconds, "versions": versions}}))


if __name__ == "__main__":
    main()
