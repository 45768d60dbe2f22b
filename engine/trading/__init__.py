"""Paper and live trading: the same rules, graph and account arithmetic as a backtest, on the exchange's timetable.

told_account   the account as the ledger tells it, bar by bar, in the arrays of the step
"""
