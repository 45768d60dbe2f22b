"""The same jobs in other engines; run by the interpreter of `environment.py`, never by Geoul's own."""
