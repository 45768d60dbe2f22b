"""Paper and live trading: the same rules, graph and account arithmetic as a backtest, on the exchange's timetable.

trader         the loop: the timetable asks, the venue tells      timetable  when a session asks for what
told_account   the account as the ledger tells it, bar by bar, in the arrays of the step
decision       the six nodes on that account                      orders     each order once, whatever happens
order_gate     the last word before an order leaves: halts, levels of autonomy, hard limits
watch          price levels that we watch: guards, stops, prices that count from the open
opening        the first entry of a ledger, and where the venue disagrees with it later
day_end        equity, corporate actions and matured outcomes     no_purchases  when it is too late to buy
mirror         a closed session against its replay, with a cause for every difference (mirror_store keeps them)
shadow         rules side by side on recorded days               prompts    the prompt that an account follows
health         figures of a running account, judged (monitor looks, status_file keeps, health_limits, api_meter)
ports          what all this needs of a venue                     texts      what it says, in two languages
"""
