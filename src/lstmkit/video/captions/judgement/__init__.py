"""How good captions are, and what must be beaten."""
