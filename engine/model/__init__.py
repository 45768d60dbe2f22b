"""Asking a language model: one request type, one transport, stored answers, a budget in won.

request    what is asked; its key is the hash of everything that decides the answer
reply      what came back, as it came back       failure    why nothing usable came
"""
