"""The ledger: one SQLite file per account, from which every start recovers.

ledger      open_ledger, Ledger: append, record_intent, record_outcome; what is open, held, blocked
trades      trades_between, mature_outcomes: trades and how they looked after 7 and 30 days
decisions   what each cycle of the operating graph saw, planned, checked and did
runs        write_run: a finished backtest in one transaction
equity      value at the end of each session
trials      every variant ever tried, the online FDR stream      looks   who has seen which untouched window
lineage     which dataset trials belong to, while it grows
trace       one order from plan to fill                          figures  streaks and sums, asked again and again
history     every event of an account, and those of one decision
supervision halts, levels, answers to plans                      reflections  proposed rules, versions of prompts
alerts      what a person should know                            verify  is the file what Geoul wrote?

Below these: connection and migrations (the file), canonical and codec (facts as text), journal (the hash chain),
state (the fold), rows (orders, fills and trades in their tables), account_checkpoints (folded accounts, a cache).
"""
