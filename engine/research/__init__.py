"""Is a rule better, or lucky? What tries many rules, and what judges them.

the gate      gate: a candidate, step after step, to a verdict (gate_report, gate_settings, gate_texts, texts)
              candidate  identity; static_checks  prose_check  prose_numbers: its text
              gate_evidence  gate_runs  gate_windows  gate_difference: what the steps read
              gate_returns  gate_luck  gate_costs  gate_activity  gate_alive  gate_neighbours  gate_regimes: the steps
              gate_trials  trial_count: how many tries. untouched_window  unseen_reach: what nobody has seen
              for_model: what a model hears of it
afterwards    watch  watch_texts: a rule day by day
sweep         sweep: many constants (sweep_table, sweep_shape, sweep_summary, sweep_store, sweep_identity, sweep_trials)
walk forward  walk_forward: chosen on the past (walk_forward_plan, walk_forward_choice, walk_forward_paths,
              walk_forward_trials); handover: the account goes on
look-ahead    audit (audit_bench, audit_blame, audit_compare, audit_draft, audit_events, audit_inputs, audit_report,
              audit_source, audit_start, audit_worlds)
no edge       placebo (placebo_worlds, placebo_kernels, placebo_rules, placebo_run)
who works     workers: here (worker_process, process_pool) or on a cluster (ray_workers, ray_address); software
"""
