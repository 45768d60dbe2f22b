"""A model as planner of the operating graph (node 3): it chooses among what the rules signal, and can only ask.

context     what it is told, as plain values with a kind for every field      prompt      the messages, bounded in size
schema      the form of an answer      answer      what an answer must be before it is a plan, and the plan it makes
llm_planner one question, one repair, or no plan        view        how the model sees the market: plainly or masked
masking     names, dates, prices and sums hidden, and answers read back (aliases, date_shift, names_in_text, text_mask,
            deciles)      leak_scan   the last look at a prompt before it leaves: nothing real, nothing of later
flips       how many decisions change when the same question is asked without the mask
"""
