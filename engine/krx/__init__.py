"""The rules of the Korea Exchange by date: pure functions over dated tables, without clock or configuration.

dated             DatedTable: the value of a day, or UnknownDate
tables/           the facts, one subject a file, each row with its source
instrument_class  the six classes that the rules tell apart
tick_size         price grid, base price                 price_limit  daily limits, first day, liquidation
sessions          calendar, hours, settlement, ordinal   costs        taxes and fees
quantities        trading unit, largest order            order_types  which orders each phase takes
auction           call auctions                          halts        VI and circuit breaker
short_selling     when it was forbidden
arrays, columns   the same rules for compiled code and for columns of a table
"""
