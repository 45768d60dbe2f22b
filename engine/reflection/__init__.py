"""The reflection graph: what failed, better rules, the gate, the new prompt.

executions (what an account did)  entry_features (the market at entry, as conditions)  lots (average-cost matching)
m1_aggregate (figures)  broker_check (against the broker's own figures)  answers (a model's answer, checked, repaired)
m2_analyse (failure patterns)  m3_rules (candidate rules)  gating (the verdict of the gate)
m4_prompt (the prompt file, step by step)  prompt_history (its versions)  reflection (the graph)
scripted_writer (a rule writer without network)  reflection_texts, reflection_terminal, reflection_html (the report)
"""
