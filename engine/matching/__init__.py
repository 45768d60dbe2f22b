"""The compiled step of one bar: match, account, plan, risk. Event mode calls it bar by bar, batch mode loops over it.

step       the four parts in order                     told     the same account, booked as a real venue told it
fills      how orders meet a bar (grid: its prices)    orders   accepting, reserving, closing    costs  fees and taxes
account    settlement, corporate actions, marks        risk     hard limits
plan       from rules to proposals (program: the parts of rules that depend on a position)
arrays     the layout of all arrays                    book     the account's arrays as one object
bundle, table  how compiled code is given them
"""
