"""The ledger: who accessed what, for those concerned and for auditors. See README.md."""
