"""KIS (한국투자증권 Open API): the live and the paper broker on the official REST and WebSocket interfaces.

The broker     broker: one account behind the Broker protocol. balance  quotes  history: what it has and what a price is
orders         submission  order_wire  order_kinds: on the way to KIS. order_changes: amend, cancel by number
               followed_orders  order_numbers  order_news: what became of them. notice  notices  notice_channel: as told
               daily_list  list_comparison  order_synchronisation: as KIS lists them. reconcile: when an answer is lost
               order_alerts  refusal_text: in words. costs  cost_settlement: charged. books: what it needs of a ledger
               desk: what all of these have in front of them
the market     watched_names  attention: whom to hear. stream_intake: who is told. gap_filling: what was missed
REST           rest: a call. channel  transport: the way to a host. auth: tokens. rate_limit  backoff: how often
               beside: a call while trades are heard. outcome  errors  codes  ack_codes: what became of it
stream         websocket  reading_ahead: the socket. frames  realtime  realtime_fields  field_values: what it says
               subscriptions  registrations: what is asked for. stream_queue  stream_settings  stream_reports
               trade_sequence: did every trade arrive. recording: on disk
tables         environment: live and paper. endpoints: all calls (access_endpoints, account_endpoints,
               quotation_endpoints). messages: all answers (access_messages, account_messages, chart_messages,
               market_messages, order_messages, quote_messages). endpoint  wire  answer: what such a table is made of
set-up         config  private_files: keys. doctor: is all ready. world_clock: the time of a served market
               probe (probe_order, probe_rate, probe_stream): open questions, asked of the host. findings: the answers
datasets       download (download_fetch, download_pages, download_journal, download_instruments, download_dataset)

KIS's own field names stay inside this folder and the server that speaks the same protocol.
"""
