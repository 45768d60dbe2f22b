"""The operating graph: six nodes that run once for every decision.

graph       the six nodes in order, and what happens when a plan comes late or not at all
state       what a cycle carries from node to node       desk       what the nodes work with
diagnosis → analysis → plan → risk_check → execution → record: one node a file
evidence    the figures behind a rule's verdict          report     the cycle in words
signals     another planner's plan, held to the rules    resizing   which limit made an order smaller
alerts      cycles without a plan, told to a person      price_grid  prices at which an order may be sent
late_plan   a plan that comes bars after its cycle       data_seen  the hash of the market data a decision saw
"""
