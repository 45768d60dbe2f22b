"""The demo that ships: a year of weekly reflection whose answers are on a tape; no key, no network, no model.

The answers are those of the scripted writer, recorded through the same transport that records a model, and named so in
every row of the tape: nothing here was said by a model. `python -m benchmarks.make_demo_cassette` makes the tape.
"""
