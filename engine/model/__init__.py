"""Asking a language model: one request type, one transport, stored answers, a budget in won.

request    what is asked; its key is the hash of everything that decides the answer
reply      what came back, as it came back       failure    why nothing usable came
asking     the way to a model, as those see it who ask
config     which model, where, how, for how much  opening    a transport from a configuration
transport  live, record, replay, refresh          client     one question over the wire
answer     bodies of the endpoints                cassette   recorded answers (nearest: the difference to one)
calls      rows of the ledger                     budget     caps, against what is spent or may be
prices     won per call, dated                    tokens     how many a question can have
estimate   the price of a run beforehand          spending   what was spent
scrub      no secret is written down
"""
