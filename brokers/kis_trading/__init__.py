"""Trading at KIS: adapter, ledger, downloaded history, graph and timetable put together.

    with open_trading(plan) as trading:
        trading.run(stop=lambda: False)

opening         puts it together, step by step            plan           what is traded, where, by which rules
trading         the loop until told to stop               account_folder one account, one folder, one process
history         the dataset, kept up to date              world_partner  steps together with a served world
line            REST and stream, measured (measuring)     logged_books   ledger first, then a line in the log
market_relay    what the stream says, to all who hear it  watching       … and to the watch over the market
regular_work    reflection, backups, beside trading       mirroring      a closed session against its replay
right_clock     what time it really is, at the start and whenever the machine's clock jumps

One folder holds everything of an account: its ledger and the dataset that its decisions look at. A second process on
the same folder is refused.
"""
