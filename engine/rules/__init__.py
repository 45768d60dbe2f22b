"""The rule language: from the text of a decision prompt to what the step can run.

prompt       prompt  sections: the text in parts. check: each rule compiles. edit: rules added, removed, replaced
expressions  parse (parse_hints): text to tree. tree  walk  format: tree to text. annotate  units: what it means
             functions: the catalogue of fields and functions. truth: true or false without data
said of it   problem  messages  findings  describe  explain
when         cadence: at the close or at a level. interval  lookback  order_price
numbers      literals  constants  number_uses: which stand in a rule. grid  neighbours: others in their place
features     feature_compiler  feature_steps  feature_slots  features: market values, block by block
             kernels_actions  kernels_cross  kernels_elementwise  kernels_recursive  kernels_window: compiled
program      program: tables that the step reads
"""
