"""From a list of recordings to a recogniser, its judgement beside a hidden Markov model, and its page."""
