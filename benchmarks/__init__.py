"""How fast Geoul is beside other backtest engines: `python -m benchmarks.run`.

| file | what it holds |
|---|---|
| run.py | starts every measured run as a process of its own, checks that results agree, prints the table |
| job.py | one measured run inside such a process; prints JSON |
| market.py | the seeded markets that every engine is given, as .npy files |
| reference.py | the strategies written down as plain Python: the specification that every engine must match |
| bench_*.py | the jobs of Geoul |
| kis_server.py, kis_stream.py, kis_guard.py, kis_record.py | the KIS server, its stream, tick to order, the recorder |
| chaos.py | ten thousand orders with every fault and the trader killed again and again |
| notify.py | what notifications cost the trader |
| peers/ | the same jobs in vectorbt, backtesting.py and backtrader, and their virtual environment |

A job module offers `prepare(folder, options)`, which loads what it needs and returns a function without
arguments. Only that function is timed: from bars in memory to fills, in the case `tables` also to closed trades
and equity curve. It returns the fills as an array (see `fills.py`). Modules under `peers/` import nothing of Geoul:
they run in an interpreter that does not have it.
"""
