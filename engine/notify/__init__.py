"""Notifications: what the ledger's alerts tell becomes messages on Slack, Telegram, by mail or on the screen.

settings    the section of the configuration; secrets from the environment      channel_settings  of each kind
quiet_hours who waits until morning                      backoff  how long a channel that failed is left alone
courier     one thread a channel; reads the ledger, holds nobody up      outbox, delivery_file  what is still to be sent
message     an alert in words, with an id that stays                             sending  what a channel answered
channels    which sender serves which kind: chat (Slack, Telegram), mail, console; plugin, library_logs: apprise
day_facts, daily_report, weekly_report   what an owner reads in the evening and on Sunday; pages  as text and as HTML
account_days  value and growth      equity_picture  the same as PNG      closing_prices  of holdings
report_makers  which alert becomes which report, in a process of its own (report_process)

The trader writes alerts into its ledger and knows nothing of this package. State of the delivery is in a file of its
own beside the ledger, so that neither waits for the other.
"""
