"""The reflection graph: what failed, better rules, the gate, the new prompt.

executions (what an account did)  entry_features (the market at entry, as conditions)  lots (average-cost matching)
m1_aggregate (figures)  broker_check (against the broker's own figures: broker_difference)
answers (a model's answer, checked, repaired)
m2_analyse (failure patterns)  m3_rules (candidate rules)  gating (the verdict of the gate)
m4_prompt (the prompt file, step by step)  prompt_intent (what will be written)  prompt_history (its versions)
prompt_git (as a commit)  reflection (the graph)  learning (what became of a loop in simulated time)
scripted_writer (a rule writer without network)  shown (the data as a model sees it)
reflection_view, reflection_terminal, reflection_html; learning_view, learning_terminal, learning_html (reports)
"""
