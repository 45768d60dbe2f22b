"""A model as planner of the operating graph (node 3): it chooses among what the rules signal, and can only ask.

context     what it is told, as plain values with a kind for every field      prompt      the messages, bounded in size
schema      the form of an answer      answer      what an answer must be before it is a plan, and the plan it makes
llm_planner one question, one repair, or no plan        view        how the model sees the market: plainly or masked
"""
