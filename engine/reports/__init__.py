"""Views of results for people and programs; nothing is calculated here.

One subject, several files: audit, comparison, cutoff, flips, gate, placebo, sweep, walk_forward, each with those of the
endings that it needs: _view (what all of them show), _terminal, _html, _json, _texts (words), _charts or _pictures.

a backtest   terminal  html  json  rows  trades_file  warnings  facts_table
pictures     charts  histogram  points  scale  svg
pages        page  templating
words        language  texts  figures (names and units)  format (numbers)
"""
