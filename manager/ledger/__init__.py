"""The ledger: all that knows Postgres. It is the only truth; Redis can be rebuilt from it."""
