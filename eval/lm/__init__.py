"""The small language model of the tests: how it is made. Not used by anything that answers questions."""
