"""Market data: from foreign files, KIS or chance to datasets, and from a dataset to arrays.

import      importer: files in, a dataset out. import_options  columns  reading  identify  convert  references
            instruments  adjust  dividends: what each file is and says. notes  problems: what was decided or refused
dataset     catalog: where things lie. manifest  quality (`data check`)  aggregate: coarser bars. atomic: whole or not
panel       panel: arrays [rows, instruments]. panel_cache  panel_build  dense  marks: how they come about
recording   segments: tables that grow. recorded_trades  tick_panel: a row a trade. recorded_bars  bar_builder: minutes
no data     sample (sample_kernels, sample_minutes): a synthetic market
time        interval: of bars. timeline: sessions
"""
