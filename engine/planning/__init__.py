"""A model as planner of the operating graph (node 3): it chooses among what the rules signal, and can only ask.

context      what it is told, as plain values with a kind for every field      prompt   the messages, bounded in size
schema       the form of an answer      answer   what an answer must be before it is a plan, and the plan it makes
llm_planner  one question, one repair, or no plan      opening   a planner from its parts      pricing   its price first
view         how the model sees the market: plainly, or through a mask
masking      the mask      masked_slice  hidden_numbers   one context behind it, a list at a time
             aliases  date_shift  deciles  text_mask  names_in_text  near   what it is made of
leak_scan    reads every prompt before it leaves      flips   decisions with and without the mask
overlay      frozen decisions under other rules      reask   asked again where the prompt changed
divergence   where two runs part      plan_terminal   a dry run for a person
"""
