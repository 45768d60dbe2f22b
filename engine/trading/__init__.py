"""Paper and live trading: the same rules, graph and account arithmetic as a backtest, on the exchange's timetable.

trader         the loop: the timetable asks, the venue tells      timetable  when a session asks for what
told_account   the account as the ledger tells it, bar by bar, in the arrays of the step (fold books the events)
account_history  events and kept accounts of a ledger, for fold_history, which a fold reads; checkpoint is one of them,
               fold_setting what it depends on; sound_ledger  nothing trades on a damaged one
ex_rights      a right left a name over night: levels and shares of the morning
disputed       ledger and account disagree about a name: what its stop may sell
hand_trades    what a person sold or bought of ours by hand
setbacks       what cannot be done for a while, told once        unforeseen_end  why a trader ended by itself
calendar_news  a day off that was declared late, and the end of the table, told in time
decision       the six nodes on that account                      orders     each order once, whatever happens
order_gate     the last word before an order leaves: halts, levels of autonomy, hard limits (limits_gate)
watch          price levels that we watch: guards, stops, prices that count from the open
background_planner  a model thinks while the loop guards
watch_list     names and indices that are only looked at; whose trades go first on a crowded stream
opening        the first entry of a ledger, and where the venue disagrees with it later
limit_news     purchases that a hard limit stopped, told
day_end        equity, corporate actions and matured outcomes     no_purchases  when it is too late to buy
mirror         a closed session against its replay, with a cause for every difference (mirrored_day; mirror_store keeps)
shadow         rules side by side on recorded days               prompts    the prompt that an account follows
health         figures of a running account, judged (monitor looks, status_file keeps, health_limits, api_meter)
               health_http tells machines; sight: what a second process sees
monitoring     what happens to watched names, as alerts (volume_profile: what is usual by this time of day)
account_jobs   regular work: backup, late bars, reflection (schedule, schedule_store, triggers: when; job_process: how)
supervisor     hears people, holds back what a level forbids (oversight: what the trader asks of it)
request_handling  carries out what people ask           supervision_book  decisions: into the ledger, in force, told
control        requests of other processes      kill_switch  the file HALT      heartbeat  signs of life
standing       halted or not, which level, which plans wait: the fold of what was decided (autonomy: the levels)
level_evidence what a higher level asks for     clearance    withdraws and sells at a halt
approved_plan  what a person approved, as it was shown           recorded_plan  what was planned before a restart
ports          what all this needs of a venue                     freed_memory  back to the system
texts, health_texts, monitoring_texts, supervisor_texts           what all this says, in two languages
"""
