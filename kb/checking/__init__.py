"""The check that a passage backs a statement: alignment of clauses, with hard checks and no language model."""

from kb.checking.verdict import verify_statement

__all__ = ["verify_statement"]
