"""Notifications: what the ledger's alerts tell becomes messages on Slack, Telegram, by mail or on the screen.

settings    channels, urgency, quiet hours; secrets from the environment        quiet_hours  who waits until morning
courier     one thread a channel; reads the ledger, holds nobody up              outbox  what is still to be sent
message     an alert in words, with an id that stays                             sending  what a channel answered
channels    which sender serves which kind: chat (Slack, Telegram), mail, console; plugin: how apprise is used
day_facts, daily_report, weekly_report   what an owner reads in the evening and on Sunday; pages  as text and as HTML
account_days  value and growth      equity_picture  the same as PNG      report_makers  which alert becomes which report

The trader writes alerts into its ledger and knows nothing of this package. State of the delivery is in a file of its
own beside the ledger, so that neither waits for the other.
"""
