"""The command `geoul`: a file for each command, found in `main`, and what several of them share.

rules tested   backtest (decider, load_strategy, graph_run, demo; learning: --reflect)  compare (compare_model)  audit
               gate  placebo  sweep (sweep_run, sweep_constants)  walk_forward (walk_forward_run)  trials  variants
rules written  rules (rule_history, revisions, proposal)  reflect (reflection_writer, reflection_gate, broker_check)
data           data (data_bars, data_download, data_record, dataset_view)  dataset  universe
a model        model (model_run)  plan
KIS            kis (kis_probe)  serve (serve_options, serve_greeting)
an account     paper  live (trading_run, trading_planner, graceful_stop)  halt  cash  traded  level  approve  watch
               status  mirror  ledger  trace  notify  report  backup  service  (supervise: talking to a running trader)
options        options  option_group  market_options  research_options  kis_options  trading_options  work_options
"""
