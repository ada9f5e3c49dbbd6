"""Entries that ask the same thing become one canonical question."""

from ingest.dedup.merge import Borderline, Merge, MergeResult, MergeStage, merge_entries

__all__ = ["Borderline", "Merge", "MergeResult", "MergeStage", "merge_entries"]
