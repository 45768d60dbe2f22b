"""Geoul (거울, "mirror"): a backtest-first trading engine for Korean stocks. What you backtest is what you trade.

The way of one bar: `simulation` asks `rules` for features, `matching` trades, books and plans, `krx` says what the
exchange allows. `backtest` runs it over all bars in compiled code; `loop` bar by bar for a `strategy` in Python.

vocabulary   order  fill  position  account  instrument  money  clock  events  errors    standard library only
             steady_clock (goes on when the machine's clock is set wrong)
settings     config  log (redaction)  log_files (rotating)  cache_root  kernel_cache (compiled code on disk)
             settled_heap (what a long run keeps is not searched for garbage)
exchange     krx/ (dated rules of the Korea Exchange)   matching/ (compiled: match, account, plan, risk of one row)
rules        rules/ (the language: grammar, types, units, prompt, features)
data         data/ (import, check, sample, panel)
running      exchange (panel + config as arrays)  feature_feed  simulation (one account on it)  outcome  result
             trade_rows (orders against single recorded trades)
             succession (the account goes on under other rules)  tenure (rules that were in force for a while)
             backtest (rules, batch)  variants (many rule sets at once)  track (what is kept of each)
             loop  strategy  broker  risk (events, one order at a time)
research     research/ (the gate, sweeps, walk-forward, look-ahead audit, placebo worlds)
around it    ledger/ (SQLite journal)  metrics/  reports/ (terminal, HTML)  operating/ (the graph of a decision)
model        model/ (one way to ask, stored answers, budget)  planning/ (a model as planner, masking, replays)
             reflection/ (M1 to M4: what failed, new rules, the new prompt)
trading      trading/ (paper and live: timetable, the account as the ledger tells it, guards)
             notify/ (alerts and reports by chat and mail)
unattended   service/ (systemd unit, container file)
edge         cli/ (the command `geoul`; the only part that knows the brokers, which have a map of their own)

Glossary
    bar         open, high, low, close and volume of one instrument in one interval; known at its close, not before
    session     a trading day of the exchange, as a date
    panel       bars of many instruments as arrays [rows in time, instruments]
    price unit  won × price scale of the dataset: 1 for raw prices, 100 for adjusted ones with two decimals
    rule        one entry of the decision prompt: a condition and an action that compile
    feature     a value per bar and instrument that an expression gives; not-a-number while unknown
    unknown     too little history or a missing value: never buys, never sells, blocks where it guards
    cadence     close: judged on the finished bar; intraday: a price level fixed before the bar
    point       a place on a bar's path: open, low, high, close; a fill happens at one
    guard       an exit level that the engine watches; an order only when it is reached
    proposal    what rules want, before the risk check; an order is what passed it
    ppb         parts per billion, the integer unit of rates
"""
