"""Brokers, and what puts one together with the upper parts of the engine.

replay         the exchange of a backtest as a broker      kis/         live and paper accounts at KIS
               (replay_market: its prices; replay_records: its orders and fills)
kis_server/    a server that speaks KIS's protocol in front of the replay
kis_account    the ledger behind the KIS broker            kis_trading/ a trader at KIS, opened step by step
kis_executed   what KIS says was executed, for a reflection
graph_replay   decisions by the graph over a past market   plan_replay  … with a planner
learning_replay  decisions that reflect and change their rules (learning_demo: a story of it)

Names that begin with `kis_` (but the server's) or end with `_replay` are assemblers: they see a broker and the engine's
upper parts.
"""
