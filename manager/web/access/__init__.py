"""Who may come in and what they may do: hosts, users, sessions, roles, forged requests."""
