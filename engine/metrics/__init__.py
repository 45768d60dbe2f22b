"""Figures: pure functions from results and series to numbers, each with its source.

a result     summary: all of it. curve  returns  drawdown  ratios  trades  activity  attribution; undefined: no value
two results  comparison  rule_changes
a part       cutoff: before and after what a model may have read
luck         sharpe  bootstrap  overfitting  cross_validation
many tries   deflated_sharpe  multiple_testing  online_fdr  trial_clusters
day by day   sequential  control_chart
size         kelly
"""
