"""KIS (한국투자증권 Open API): the live and the paper broker on the official REST and WebSocket interfaces.

Facts about the interface stand in tables: `environment` (live and paper), `endpoints` (calls), `codes` (answers).
KIS's own field names stay inside this folder and the server that speaks the same protocol.
"""
