"""The decision prompt that an account follows: as its file says now, and as it was at an earlier decision."""

from __future__ import annotations

from pathlib import Path

from engine.errors import DataError
from engine.ledger.canonical import digest, unstamp
from engine.ledger.history import follow_prompt
from engine.ledger.ledger import Ledger
from engine.rules.prompt import load_rules_text, read_prompt
from engine.trading.decision import RulesInForce


def rules_in_force(prompt: Path, ledger: Ledger) -> RulesInForce:
    """The prompt as it stands in its file now, and since when the account follows it.

    Raises:
        RuleError: the prompt does not compile.
    """
    text = read_prompt(prompt)
    rules, name = load_rules_text(text), digest(text)
    return RulesInForce(rules=rules, text=text, hash=name, since=follow_prompt(ledger, name, text))


def rules_of(ledger: Ledger, decision_id: str) -> RulesInForce | None:
    """The rules that a recorded decision followed; None if there is no such decision.

    Raises:
        DataError: the ledger does not have the text of the prompt.
        RuleError: the prompt of that time does not compile any more.
    """
    row = ledger.connection.execute(
        "SELECT d.prompt_hash, p.text, p.recorded_at FROM decisions d LEFT JOIN prompt_versions p USING (prompt_hash) "
        "WHERE d.run_id = 0 AND d.decision_id = ?",
        (decision_id,),
    ).fetchone()
    if row is None:
        return None
    if row[1] is None:
        raise DataError(f"The ledger does not have the prompt that decision {decision_id} followed.")
    return RulesInForce(rules=load_rules_text(row[1]), text=row[1], hash=row[0], since=unstamp(row[2]))


def latest_rules(ledger: Ledger) -> RulesInForce:
    """The prompt that the account began to follow last.

    Raises:
        DataError: it has never followed one.
    """
    row = ledger.connection.execute(
        "SELECT prompt_hash, text, recorded_at FROM prompt_versions ORDER BY recorded_at DESC LIMIT 1"
    ).fetchone()
    if row is None:
        raise DataError("The ledger has no prompt: the account has not traded yet.")
    return RulesInForce(rules=load_rules_text(row[1]), text=row[1], hash=row[0], since=unstamp(row[2]))
