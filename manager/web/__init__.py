"""`enrichd web`: the status page, the health probe, and the receiver of the vendor's webhooks."""
