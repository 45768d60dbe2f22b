"""A server that speaks the protocol of KIS in front of the replay exchange.

Any program written for the KIS Open API is backtested by changing its address. One port carries REST and stream, both
environments (live and paper) and the control of the world:

what time it is    session_path (instants of a session)  wire_dates (replay days as today)  world (steps)  clients  pace
what it trades on  market (prices now)  served_account (one account)  order_book  order_entry  order_rules  index_names
what it answers    rest (one request)  call  access  order_calls  account_calls  profit_calls  quotation_calls
                   chart_calls (candles)  market_calls
what it streams    stream (sockets)  prints (of a bar)  records (frames)
what goes wrong    faults (by switch, by seeded schedule)  line_faults  call_rate
what outlives it   notes (who tells)  journal (lines on the disk)  state (the folder)  keeping (again after a death)
around it          setup (configuration)  control (/_world)  page (/)  server (start, stop)

The market is bars or recorded trades (`engine.data.tick_panel`): the second are served one by one at their own seconds.
Where the timing of a daily bar comes from stands in `session_path`; that nothing is invented between its prices stands
in `market`.
"""
