"""`enrichd web`: the console, metrics, health, and the receiver of the vendor's webhooks."""
